//! The ledger on a real PostgreSQL, against the one on SQLite.

use std::io::Write as _;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::postgres::Postgres;
use super::super::{Database, Ledger, Line, Place, Spool, Writer, Written, lines_of};
use super::{START, failed_over, question};
use crate::config::{Durability, PostgresConfig};
use crate::ledger::export::Format;
use crate::testing::TempDir;

/// PostgreSQL does not run as root; Debian's and everybody's `nobody`.
const NOBODY: u32 = 65_534;
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of its own, on a socket in its own directory.
pub(super) struct Server {
    programs: PathBuf,
    dir: TempDir,
    child: Option<Child>,
}

impl Server {
    /// Starts one, or says that there is none to start.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: there is no PostgreSQL");
            return None;
        };
        let mut server = Self {
            programs,
            dir: TempDir::new(),
            child: None,
        };
        if is_root() {
            chown(server.dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = server
            .program("initdb")
            .args(["--auth=trust", "--username=ark", "--no-sync", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        server.run();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&mut self) {
        let child = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        let until = Instant::now() + PATIENCE;
        // A thread of its own: a test may run in a runtime already.
        let is_up = || self.writer().connect().is_ok();
        while !std::thread::scope(|scope| scope.spawn(is_up).join().unwrap()) {
            assert!(Instant::now() < until, "PostgreSQL does not start");
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Its immediate shutdown: as after a crash, and its children end too.
            let id = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(id, rustix::process::Signal::QUIT).unwrap();
            child.wait().unwrap();
        }
    }

    fn place(&self) -> PostgresConfig {
        let host = self.dir.path().display().to_string().replace('/', "%2F");
        PostgresConfig::parse(&format!("postgresql://ark@{host}/postgres")).unwrap()
    }

    pub(super) fn writer(&self) -> Postgres {
        Postgres::to_write(self.place(), Durability::Disk)
            .unwrap()
            .patient()
    }

    fn reader(&self) -> Database {
        Database::open_to_read(&Place::Postgres(self.place())).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where Debian, or whoever installed it, keeps the server's programs.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let debian = debian
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_all = |dir: &Path| ["initdb", "postgres"].iter().all(|p| dir.join(p).is_file());
    debian
        .chain(std::env::split_paths(&path))
        .find(|dir| has_all(dir))
}

fn lines(of: std::ops::Range<u64>) -> Vec<Line> {
    of.flat_map(|n| lines_of("w", &failed_over(n))).collect()
}

#[test]
fn both_databases_give_the_same_answers() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut postgres = Database::Postgres(Box::new(server.writer()));
    let dir = TempDir::new();
    let mut sqlite = Database::from(super::open(&dir));
    let mut odd = failed_over(7);
    odd.attempts[2].charge = Some(super::charge(
        ark_gateway_core::record::Settlement::Reported,
        None,
    ));
    odd.tags.clear();
    let odd = lines_of("a'; DROP TABLE lines; --", &odd);
    for database in [&mut postgres, &mut sqlite] {
        assert_eq!(database.put(&[&lines(1..3)]).unwrap(), [6]);
        // Sent again, with more, and in pieces.
        assert_eq!(database.put(&[&lines(2..5), &odd]).unwrap(), [6, 3]);
    }
    for query in [
        "",
        "group_by=provider",
        "group_by=tag.x-team,settlement&bucket=hour",
        "group_by=model&tag.x-team=search&provider=a",
        "bucket=day&limit=1",
        "tenant=nobody&group_by=tenant",
    ] {
        let ask = |database: &mut Database| database.spend(&question(query)).unwrap();
        assert_eq!(ask(&mut postgres), ask(&mut sqlite), "{query}");
    }
    let export = |database: &mut Database, format| {
        let mut out = Vec::new();
        let count = database.export((0, i64::MAX), format, &mut out).unwrap();
        assert_eq!(count, 15);
        String::from_utf8(out).unwrap()
    };
    for format in [Format::Csv, Format::Jsonl] {
        assert_eq!(
            export(&mut server.reader(), format),
            export(&mut sqlite, format)
        );
    }
    postgres.prune(START + 2 * 60_000).unwrap();
    sqlite.prune(START + 2 * 60_000).unwrap();
    let left = |database: &mut Database| database.spend(&question("")).unwrap().total;
    assert_eq!(left(&mut postgres), left(&mut sqlite));
    assert_eq!(left(&mut postgres).attempts, 12);
}

#[test]
fn sidecars_that_start_at_once_make_one_schema_and_write_each_line_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let fresh = PostgresConfig::parse(&server.place().to_string().replace("/postgres", "/fleet"));
    let fresh = fresh.unwrap();
    let mut admin = server.writer();
    admin.connect().unwrap();
    admin.run("CREATE DATABASE fleet").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let writer = Postgres::to_write(fresh.clone(), Durability::Process)
                    .unwrap()
                    .patient();
                let mut database = Database::Postgres(Box::new(writer));
                for n in 1..20 {
                    database.put(&[&lines(n..n + 2)]).unwrap();
                }
            });
        }
    });
    let mut reader = Database::open_to_read(&Place::Postgres(fresh.clone())).unwrap();
    let total = reader.spend(&question("")).unwrap().total;
    assert_eq!((total.requests, total.attempts), (20, 60));
    let mut newer = Postgres::to_write(fresh.clone(), Durability::Disk)
        .unwrap()
        .patient();
    newer.connect().unwrap();
    newer.run("INSERT INTO ark.migrations VALUES (99)").unwrap();
    let mut late = Postgres::to_write(fresh, Durability::Disk)
        .unwrap()
        .patient();
    let problem = late.connect().unwrap_err();
    assert!(problem.contains("a newer Ark has made it"), "{problem}");
}

#[test]
fn a_database_without_a_ledger_is_told_from_one_that_is_not_there() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let elsewhere = server
        .place()
        .to_string()
        .replace("/postgres", "/template1");
    let elsewhere = Place::Postgres(PostgresConfig::parse(&elsewhere).unwrap());
    let problem = Database::open_to_read(&elsewhere).err().unwrap();
    assert!(problem.contains("there is no ledger"), "{problem}");
    server.kill();
    let problem = Database::open_to_read(&elsewhere).err().unwrap();
    assert!(problem.contains("cannot read the ledger"), "{problem}");
}

#[test]
fn what_comes_while_a_database_is_left_alone_does_not_prolong_that() {
    let dir = TempDir::new();
    let host = dir.path().display().to_string().replace('/', "%2F");
    let nobody = PostgresConfig::parse(&format!("postgresql://ark@{host}/ark")).unwrap();
    let mut postgres = Postgres::to_write(nobody, Durability::Disk).unwrap();
    let cells = super::super::postgres::cells_of(&lines(1..2));
    assert!(postgres.put(std::slice::from_ref(&cells)).is_err());
    let until = postgres.rests_until().unwrap();
    let mut last = until;
    while Instant::now() < until {
        assert!(postgres.put(std::slice::from_ref(&cells)).is_err());
        last = postgres.rests_until().unwrap();
        if Instant::now() < until {
            assert_eq!(last, until);
        }
    }
    assert!(postgres.put(std::slice::from_ref(&cells)).is_err());
    assert!(last <= postgres.rests_until().unwrap());
}

#[tokio::test]
async fn lines_wait_for_a_database_that_is_down_and_are_there_once() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let dir = TempDir::new();
    let spool = |limit| Spool::open(&dir.path().join("spool.db"), Durability::Process, limit);
    let start = |server: &Server| -> (Ledger, Writer) {
        let database = Database::Postgres(Box::new(server.writer()));
        let (ledger, writer) = Ledger::new(Place::Postgres(server.place()), database);
        (ledger, writer.with_spool(Some(spool(12).unwrap())))
    };
    let mut tasks = tokio::task::JoinSet::new();
    let (ledger, writer) = start(&server);
    tasks.spawn(writer.run());
    let answer = |new, duplicates, spooled| {
        Ok(Written {
            new,
            reserved: 0,
            duplicates,
            spooled,
        })
    };
    assert_eq!(until_known(&ledger, lines(1..2)).await, answer(3, 0, false));
    server.kill();
    assert_eq!(until_known(&ledger, lines(1..4)).await, answer(9, 0, true));
    assert_eq!(until_known(&ledger, lines(3..4)).await, answer(0, 3, true));
    let full = until_known(&ledger, lines(5..8)).await;
    assert_eq!(full, Err(super::Failure::Full), "it has a bound");
    // The sidecar is started again while the database is down.
    drop(ledger);
    tasks.join_next().await;
    let (ledger, writer) = start(&server);
    tasks.spawn(writer.run());
    assert_eq!(until_known(&ledger, lines(4..5)).await, answer(3, 0, true));
    server.run();
    let until = Instant::now() + PATIENCE;
    let total = loop {
        ledger.tick();
        let total = ledger.spend(question("")).await.unwrap().total;
        if total.requests == 4 || Instant::now() > until {
            break total;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((total.requests, total.attempts), (4, 12));
}

/// On a slow machine a commit may take longer than a worker waits: it sends again then.
async fn until_known(ledger: &Ledger, lines: Vec<Line>) -> Result<Written, super::Failure> {
    loop {
        match ledger.put(lines.clone()).await {
            Err(super::Failure::Late) => {}
            known => return known,
        }
    }
}
