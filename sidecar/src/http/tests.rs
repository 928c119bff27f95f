use super::*;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECOND: Duration = Duration::from_secs(1);

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_up_to_its_limit_and_its_deadline() {
    let full = |bytes: &'static [u8]| Full::new(Bytes::from_static(bytes));
    assert_eq!(
        read_capped(full(b"12345"), 5, SECOND).await.unwrap(),
        "12345"
    );
    assert_eq!(
        read_capped(full(b"123456"), 5, SECOND).await,
        Err(ReadError::TooLarge(5))
    );
    assert_eq!(
        read_capped(Empty::<Bytes>::new(), 0, SECOND).await.unwrap(),
        ""
    );
    assert_eq!(
        read_capped(Never, 5, SECOND).await,
        Err(ReadError::Late(SECOND))
    );
}

async fn start(limits: Limits) -> (std::net::SocketAddr, JoinSet<()>) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let handle = |_| async { text(StatusCode::OK, "hello") };
        let _ = serve(door, limits, handle).await;
    });
    (address, tasks)
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut got = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut got))
        .await
        .unwrap()
        .unwrap();
    got
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away_and_its_place_goes_to_the_next() {
    let header_wait = Duration::from_millis(100);
    let limits = Limits {
        connections: 1,
        header_wait,
        connection_age: 60 * SECOND,
    };
    let (address, _tasks) = start(limits).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(read_all(&mut next).await.ends_with("hello\n"));
    assert!(!read_all(&mut silent).await.contains("hello"));
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end() {
    let connection_age = Duration::from_millis(100);
    let limits = Limits {
        connections: 9,
        header_wait: 60 * SECOND,
        connection_age,
    };
    let (address, _tasks) = start(limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_all(&mut client).await.ends_with("hello\n"),
        "and then closed"
    );
}
