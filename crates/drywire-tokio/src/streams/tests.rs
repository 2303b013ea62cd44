use std::future::poll_fn;
use std::net::SocketAddr;

use drywire::{Endpoint, EndpointConfig, IceServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn listening(streams: &Streams) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    streams.listen(listener);
    address
}

async fn next(streams: &mut Streams) -> StreamInput {
    let waiting = tokio::time::timeout(std::time::Duration::from_secs(20), poll_fn(|cx| streams.poll(cx)));
    waiting.await.unwrap()
}

/// A name of a connection. Only an endpoint gives one.
fn connect_id() -> ConnectId {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), crate::now(), [3; 32]);
    endpoint.add_local_address(crate::now(), SocketAddr::from(([127, 0, 0, 1], 7)));
    let (uri, addresses) = ("turn:127.0.0.1?transport=tcp", vec![([127, 0, 0, 1], 3478).into()]);
    let server = IceServer::turn(uri.parse().unwrap(), addresses, "user", "password");
    endpoint.add_ice_server(crate::now(), server).unwrap();
    match endpoint.poll_stream() {
        Some(StreamRequest::Connect { id, .. }) => id,
        other => panic!("{other:?}"),
    }
}

/// Connects; the path of the new connection.
async fn connect(streams: &mut Streams, remote: SocketAddr) -> Path {
    let id = connect_id();
    streams.request(StreamRequest::Connect { id, local: None, remote, tls: None });
    match next(streams).await {
        StreamInput::Connected { path, .. } => path,
        other => panic!("{other:?}"),
    }
}

/// The next `len` bytes, with the path that they came by.
async fn receive(streams: &mut Streams, len: usize) -> (Path, Vec<u8>) {
    let mut received = Vec::new();
    loop {
        match next(streams).await {
            StreamInput::Data { path, bytes } => {
                received.extend_from_slice(&bytes);
                if received.len() >= len {
                    return (path, received);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_sent_at_one_end_arrives_at_the_other() {
    let (mut left, mut right) = (Streams::new(), Streams::new());
    let address = listening(&right).await;
    let out = connect(&mut left, address).await;
    assert_eq!(out.remote, address);
    let question: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[0]).collect();
    for part in question.chunks(1_000) {
        left.send(out, part);
    }
    let (path, received) = receive(&mut right, question.len()).await;
    assert_eq!((path, received), (out.reversed(), question));
    right.send(path, b"answer");
    assert_eq!(receive(&mut left, 6).await, (out, b"answer".to_vec()));

    left.request(StreamRequest::Close { path: out });
    left.send(out, b"too late");
    assert!(matches!(next(&mut right).await, StreamInput::Disconnected { path: gone } if gone == path));
}

#[tokio::test]
async fn a_connection_is_made_from_the_address_asked_for() {
    let (mut left, right) = (Streams::new(), Streams::new());
    let remote = listening(&right).await;
    // 9 is the port of active candidates (RFC 6544, section 4.5).
    let local = Some("127.0.0.2:9".parse().unwrap());
    left.request(StreamRequest::Connect { id: connect_id(), local, remote, tls: None });
    let StreamInput::Connected { path, .. } = next(&mut left).await else { panic!("not connected") };
    assert_eq!(path.local.ip(), "127.0.0.2".parse::<std::net::IpAddr>().unwrap());
    assert_ne!(path.local.port(), 9);
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut streams = Streams::new();
    let id = connect_id();
    streams.request(StreamRequest::Connect { id, local: None, remote: closed, tls: None });
    assert!(matches!(next(&mut streams).await, StreamInput::ConnectFailed { .. }));
}

#[tokio::test]
async fn what_was_sent_last_is_written_before_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut streams = Streams::new();
    let path = connect(&mut streams, listener.local_addr().unwrap()).await;
    let (mut peer, _) = listener.accept().await.unwrap();
    streams.send(path, b"good bye");
    streams.finish().await;
    let mut received = String::new();
    peer.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "good bye");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_costs_a_bounded_queue_and_not_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut streams = Streams::new();
    let stuck = connect(&mut streams, listener.local_addr().unwrap()).await;
    let (mut stuck_peer, _) = listener.accept().await.unwrap();
    let live = connect(&mut streams, listener.local_addr().unwrap()).await;
    let (mut live_peer, _) = listener.accept().await.unwrap();

    let frame = [7; 1_000];
    let mut sent = 0;
    for _ in 0..20_000 {
        streams.send(stuck, &frame);
        sent += frame.len();
        tokio::task::yield_now().await;
    }
    streams.send(live, b"hello");
    let mut hello = [0; 5];
    live_peer.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");

    streams.request(StreamRequest::Close { path: stuck });
    let mut received = Vec::new();
    stuck_peer.read_to_end(&mut received).await.unwrap();
    assert!(received.len() < sent / 2, "{} of {sent}", received.len());
    // Frames are written whole or not at all.
    assert_eq!(received.len() % frame.len(), 0);
    assert!(received.iter().all(|byte| *byte == 7));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_that_is_answered_is_shown_the_door() {
    let mut streams = Streams::new();
    let address = listening(&streams).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let input = poll_fn(|cx| streams.poll(cx)).await;
    assert!(matches!(input, StreamInput::Disconnected { .. }), "{input:?}");
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);

    // A byte now and then is not enough.
    let mut babbling = TcpStream::connect(address).await.unwrap();
    let babble = async {
        while babbling.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    let end =
        async { while !matches!(poll_fn(|cx| streams.poll(cx)).await, StreamInput::Disconnected { .. }) {} };
    tokio::join!(babble, end);

    // Whoever is answered may take his time, within limits.
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"hello").await.unwrap();
    let (path, _) = receive(&mut streams, 5).await;
    streams.send(path, b"hello");
    peer.read_exact(&mut [0; 5]).await.unwrap();
    let polling = poll_fn(|cx| streams.poll(cx));
    let patience = tokio::time::timeout(std::time::Duration::from_secs(30), polling);
    assert!(patience.await.is_err());
    let input = poll_fn(|cx| streams.poll(cx)).await;
    assert!(matches!(input, StreamInput::Disconnected { .. }), "{input:?}");
}

#[tokio::test]
async fn connections_end_with_the_driver() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut streams = Streams::new();
    let address = listening(&streams).await;
    let _ = connect(&mut streams, listener.local_addr().unwrap()).await;
    let (mut peer, _) = listener.accept().await.unwrap();
    let mut caller = TcpStream::connect(address).await.unwrap();
    // The driver has not heard of this one yet.
    let mut unheard = TcpStream::connect(address).await.unwrap();
    drop(streams);
    for stream in [&mut peer, &mut caller, &mut unheard] {
        // An end, or a reset where the connection was not even accepted.
        assert!(!matches!(stream.read(&mut [0; 1]).await, Ok(1..)));
    }
}

/// A server that sends back what it gets over TLS, and the client's configuration that trusts it.
async fn tls_echo(name: &str) -> (SocketAddr, Arc<ClientConfig>) {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Those that do not trust it hang up.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let (mut reader, mut writer) = tokio::io::split(stream);
            tokio::spawn(async move { tokio::io::copy(&mut reader, &mut writer).await });
        }
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (address, Arc::new(client))
}

#[tokio::test]
async fn a_connection_over_tls() {
    let (address, config) = tls_echo("turn.example.org").await;
    let mut streams = Streams::new();
    streams.set_tls(config);
    let request = |name: &str| StreamRequest::Connect {
        id: connect_id(),
        local: None,
        remote: address,
        tls: Some(name.into()),
    };
    streams.request(request("turn.example.org"));
    let StreamInput::Connected { path, .. } = next(&mut streams).await else { panic!("not connected") };
    assert_eq!((path.protocol, path.remote), (drywire::Protocol::Tcp, address));
    let bytes: Vec<u8> = (0..100_000u32).map(|i| i.to_le_bytes()[0]).collect();
    streams.send(path, &bytes);
    assert_eq!(receive(&mut streams, bytes.len()).await, (path, bytes));

    // A certificate for another name, and what is no name.
    for wrong in ["turn.example.com", "127.0.0.1", "no name"] {
        streams.request(request(wrong));
        let input = next(&mut streams).await;
        assert!(matches!(input, StreamInput::ConnectFailed { .. }), "{wrong}: {input:?}");
    }
    // An issuer that nobody trusts.
    streams.set_tls(tls_echo("turn.example.org").await.1);
    streams.request(request("turn.example.org"));
    let input = next(&mut streams).await;
    assert!(matches!(input, StreamInput::ConnectFailed { .. }), "{input:?}");
}
