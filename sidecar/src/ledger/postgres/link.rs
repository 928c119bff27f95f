//! One connection to the database.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls, Statement};

use super::super::schema::{MIGRATIONS, in_postgres, newer};
use super::super::sql::{COLUMNS, Kind, column_names};
use super::super::tls::Verified;
use super::{Cells, password, words};
use crate::config::{Durability, PostgresConfig, PostgresTls};

/// A dead peer is noticed by the kernel after so long.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
/// Of all who migrate, one at a time; any number that nobody else in this database uses.
const MIGRATION_LOCK: i64 = 0x61_72_6b_6c;

/// What is there before the first migration. To ask for a schema that is there takes a privilege that
/// an operator may not want to give.
const BEGINNING: &str = "
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ark') THEN
        CREATE SCHEMA ark;
    END IF;
END $$;
CREATE TABLE ark.migrations (
    version BIGINT PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write(Durability),
}

/// One connection. What reads its answers runs in the runtime in which it was made.
pub(super) struct Link {
    pub(super) client: Client,
    insert: Option<Statement>,
    _driver: JoinSet<()>,
}

impl Link {
    /// Whether a connection can be tried: what it needs of this machine is there.
    pub(super) fn check(place: &PostgresConfig) -> Result<(), String> {
        password(place)?;
        match &place.tls {
            PostgresTls::Off => Ok(()),
            PostgresTls::Verified(tls) => Verified::by(tls).map(|_| ()),
        }
    }

    pub(super) async fn make(place: &PostgresConfig, purpose: Purpose) -> Result<Self, String> {
        let mut config = place.driver()?;
        config
            .application_name("ark")
            .tcp_user_timeout(USER_TIMEOUT);
        if let Some(password) = password(place)? {
            config.password(password.expose());
        }
        let failed = |error: Error| words(&error);
        let mut driver = JoinSet::new();
        let client = match &place.tls {
            PostgresTls::Off => {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                // What goes wrong with it is told to whoever asks next.
                driver.spawn(async move { connection.await.unwrap_or_default() });
                client
            }
            PostgresTls::Verified(tls) => {
                config.ssl_mode(SslMode::Require);
                let tls = Verified::by(tls)?;
                let (client, connection) = config.connect(tls).await.map_err(failed)?;
                driver.spawn(async move { connection.await.unwrap_or_default() });
                client
            }
        };
        let mut link = Self {
            client,
            insert: None,
            _driver: driver,
        };
        link.prepare(purpose).await?;
        Ok(link)
    }

    /// Whether it has not ended, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    async fn prepare(&mut self, purpose: Purpose) -> Result<(), String> {
        let failed = |error: Error| words(&error);
        let setting = match purpose {
            Purpose::Read => "default_transaction_read_only TO on",
            Purpose::Write(Durability::Disk) => "synchronous_commit TO on",
            Purpose::Write(Durability::Process) => "synchronous_commit TO off",
        };
        let settings = format!("SET search_path TO ark; SET {setting}");
        self.client.batch_execute(&settings).await.map_err(failed)?;
        let version = self.version().await?;
        if version > MIGRATIONS.len() as i64 {
            return Err(newer(version));
        }
        let is_behind = version < MIGRATIONS.len() as i64;
        match purpose {
            Purpose::Read if version == 0 => Err("there is no ledger in this database".to_owned()),
            Purpose::Read if is_behind => Err(
                "an older Ark has made it: start a sidecar of this version on it first".to_owned(),
            ),
            Purpose::Read => Ok(()),
            Purpose::Write(_) => {
                if is_behind {
                    self.migrate().await?;
                }
                let insert = self.client.prepare(&insert()).await.map_err(failed)?;
                self.insert = Some(insert);
                Ok(())
            }
        }
    }

    /// How many migrations have run.
    async fn version(&self) -> Result<i64, String> {
        let failed = |error: Error| words(&error);
        // Of the tables themselves: what a name resolves to may be remembered from before the lock.
        let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables
                     WHERE schemaname = 'ark' AND tablename = 'migrations')";
        let there = self.client.query_one(there, &[]).await.map_err(failed)?;
        if !there.try_get(0).map_err(failed)? {
            return Ok(0);
        }
        let version = "SELECT COALESCE(MAX(version), 0) FROM ark.migrations";
        let version = self.client.query_one(version, &[]).await.map_err(failed)?;
        version.try_get(0).map_err(failed)
    }

    /// Brings the database up to date. Two processes may start at once: the second waits, and finds
    /// the work done.
    async fn migrate(&mut self) -> Result<(), String> {
        let failed = |error: Error| words(&error);
        let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        self.client.batch_execute(&lock).await.map_err(failed)?;
        let version = self.version().await?;
        if version == 0 {
            self.client.batch_execute(BEGINNING).await.map_err(failed)?;
        }
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        for (n, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
            let sql = in_postgres(migration);
            self.client.batch_execute(&sql).await.map_err(failed)?;
            let note = "INSERT INTO ark.migrations (version) VALUES ($1)";
            self.client.execute(note, &[&n]).await.map_err(failed)?;
        }
        self.client.batch_execute("COMMIT").await.map_err(failed)
    }

    /// Writes batches in one transaction; how many lines of each were new.
    pub(super) async fn put(&mut self, batches: &[Vec<Cells>]) -> Result<Vec<u64>, Error> {
        let Some(insert) = self.insert.clone() else {
            return Ok(Vec::new());
        };
        if let [batch] = batches {
            // A statement is a transaction, and one round trip.
            let columns = columns(batch);
            return Ok(vec![
                self.client.execute(&insert, &as_values(&columns)).await?,
            ]);
        }
        let transaction = self.client.transaction().await?;
        let mut written = Vec::with_capacity(batches.len());
        for batch in batches {
            let columns = columns(batch);
            written.push(transaction.execute(&insert, &as_values(&columns)).await?);
        }
        transaction.commit().await?;
        Ok(written)
    }
}

/// A line that is there already stays as it is. What was reserved goes with the end of its request, and
/// does not come after it.
fn insert() -> String {
    let arrays: Vec<String> = (1..)
        .zip(COLUMNS)
        .map(|(n, (_, kind))| match kind {
            Kind::Integer => format!("${n}::BIGINT[]"),
            Kind::Text => format!("${n}::TEXT[]"),
        })
        .collect();
    let (names, arrays) = (column_names(), arrays.join(", "));
    format!(
        "WITH told AS (SELECT * FROM UNNEST({arrays}) AS told ({names})),
         released AS (
             DELETE FROM lines USING told
             WHERE lines.opened IS NOT NULL AND lines.opened = told.opened
             AND lines.worker = told.worker AND told.settlement <> 'reserved'
             AND lines.settlement IN ('reserved', 'lost'))
         INSERT INTO lines ({names}) SELECT {names} FROM told
         WHERE settlement <> 'reserved' OR NOT EXISTS (
             SELECT FROM lines AS settled
             WHERE settled.opened IS NOT NULL AND settled.opened = told.opened
             AND settled.worker = told.worker
             AND settled.settlement NOT IN ('reserved', 'lost'))
         ON CONFLICT (worker, sequence, attempt) DO NOTHING"
    )
}

/// All values of a column.
enum Column {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

impl Column {
    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Integers(values) => values,
            Self::Texts(values) => values,
        }
    }
}

fn columns(lines: &[Cells]) -> Vec<Column> {
    let column = |(at, (_, kind)): (usize, (&str, Kind))| {
        let cells = lines.iter().map(|line| line.get(at));
        match kind {
            Kind::Integer => Column::Integers(cells.map(|cell| cell?.integer()).collect()),
            Kind::Text => Column::Texts(cells.map(|cell| cell?.text().map(storable)).collect()),
        }
    };
    COLUMNS.into_iter().enumerate().map(column).collect()
}

/// PostgreSQL has no place for NUL: one line with it would hold up all after it.
fn storable(text: &str) -> String {
    text.replace('\0', "?")
}

fn as_values(columns: &[Column]) -> Vec<&(dyn ToSql + Sync)> {
    columns.iter().map(Column::value).collect()
}
