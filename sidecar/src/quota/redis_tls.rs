//! The way to a Redis by TLS.

use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, ConnectionInfo, RedisConnectionInfo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::config::ClientTlsConfig;
use crate::tls::Source;

/// A place that proves its name.
pub(super) struct Protected {
    host: String,
    port: u16,
    settings: RedisConnectionInfo,
    source: Source,
    /// What reads the answers of the connection; ends with it.
    driver: JoinSet<()>,
}

impl Protected {
    pub(super) fn new(place: &ConnectionInfo, tls: &ClientTlsConfig) -> Result<Self, String> {
        let ConnectionAddr::Tcp(host, port) = place.addr() else {
            return Err("rediss:// needs HOST:PORT".to_owned());
        };
        let mut source = Source::new(tls.clone());
        // What is wrong with its files is known before anybody waits for it.
        source.client()?;
        Ok(Self {
            host: host.clone(),
            port: *port,
            settings: place.redis_settings().clone(),
            source,
            driver: JoinSet::new(),
        })
    }

    /// Connects, with the certificates that are there now.
    pub(super) async fn connect(&mut self) -> Result<MultiplexedConnection, String> {
        let client = self.source.client()?;
        let place = (self.host.as_str(), self.port);
        let stream = TcpStream::connect(place).await;
        let stream = stream.map_err(|error| error.to_string())?;
        // As the driver's own connections: answers are small, and waited for.
        let _ = stream.set_nodelay(true);
        let stream = client.connect(stream, &self.host).await?;
        let mut driver = JoinSet::new();
        let config = redis::AsyncConnectionConfig::default();
        let made = MultiplexedConnection::new_with_config(&self.settings, stream, config).await;
        let (connection, work) = made.map_err(|error| crate::tls::words(&error))?;
        driver.spawn(work);
        self.driver = driver;
        Ok(connection)
    }
}
