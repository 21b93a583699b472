//! The driver for tokio.

use std::net::Ipv4Addr;
use std::time::Instant;

use ::tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, duplex, split};
use ::tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::stream::postgres::GSSENC_REQUEST;
use crate::stream::{Door, SecureStream, tokio};

fn run<F: Future>(future: F) -> F::Output {
    ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn pair(pipe: usize, config: &StreamConfig) -> [SecureStream<::tokio::io::DuplexStream>; 2] {
    let (ours, theirs) = duplex(pipe);
    [(ours, Role::Initiator), (theirs, Role::Acceptor)].map(|(pipe, role)| {
        SecureStream::of_halves(pipe, sealer(role, config), opener(role, config))
    })
}

/// Through a pipe that holds less than a frame, both ways at once; one end closes first and
/// still reads.
#[test]
fn halves_backpressure_and_half_close() {
    run(async {
        for config in [StreamConfig::postgres(), StreamConfig::gss_sample()] {
            let [client, mut server] = pair(1000, &config);
            let message = text(300_000);
            let expected = message.clone();
            let echo = async {
                let mut all = Vec::new();
                server.read_to_end(&mut all).await.unwrap();
                server.write_all(&all).await.unwrap();
                server.shutdown().await.unwrap();
            };
            let (mut reader, mut writer) = client.split(split);
            let write = async {
                writer.write_all(&message).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let read = async {
                let mut all = vec![0; 300_000];
                reader.read_exact(&mut all).await.unwrap();
                all
            };
            let ((), (), all) = ::tokio::join!(echo, write, read);
            assert!(all == expected);
        }
    });
}

#[test]
fn a_writer_waits_for_the_reader() {
    run(async {
        let [mut client, _server] = pair(1000, &StreamConfig::postgres());
        let message = text(10 << 20);
        let wait = Duration::from_millis(50);
        let written = ::tokio::time::timeout(wait, client.write_all(&message)).await;
        assert!(written.is_err(), "nobody reads");
    });
}

#[test]
fn what_was_received_is_read_where_it_lies() {
    run(async {
        let [mut client, server] = pair(1 << 20, &StreamConfig::knc());
        let message = text(200_000);
        client.write_all(&message).await.unwrap();
        client.shutdown().await.unwrap();
        let mut lines = AsyncBufReadExt::split(server, 7);
        let mut all = Vec::new();
        while let Some(line) = lines.next_segment().await.unwrap() {
            all.extend_from_slice(&line);
            all.push(7);
        }
        all.truncate(message.len());
        assert!(all == message);
    });
}

#[test]
fn a_half_open_handshake_ends() {
    run(async {
        let (ours, _theirs) = duplex(1000);
        let limits = Limits::new().first_token(Duration::from_millis(20));
        let config = StreamConfig::knc().limits(limits);
        let error = tokio::accept(ours, (), accept, &config).await;
        assert!(matches!(error, Err(HandshakeError::TimedOut)));
    });
}

/// A runtime that ends with a hundred handshakes open ends at once, and every place is free again.
#[test]
fn case_134_shutdown_during_100_half_open_contexts_finishes() {
    let limits = Limits::new().under_way(100, 100);
    let door = Door::new(limits);
    let begin = Instant::now();
    let runtime = ::tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let peers = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peers = Vec::new();
        for n in 0..100 {
            let mut peer = TcpStream::connect(address).await.unwrap();
            // Some have said nothing, some have begun, some wait for the second answer.
            let said: &[u8] = [&b""[..], &[0, 0], &[0, 0, 0, 2, 1, 2]][n % 3];
            peer.write_all(said).await.unwrap();
            peers.push(peer);
            let (socket, from) = listener.accept().await.unwrap();
            let place = door.enter(from.ip()).unwrap();
            ::tokio::spawn(async move {
                let config = StreamConfig::knc().limits(limits);
                let stream = tokio::accept(socket, (), accept, &config).await;
                drop((stream, place));
            });
        }
        let (_, from) = (listener, address);
        assert!(door.enter(from.ip()).is_err());
        peers
    });
    assert_eq!(door.under_way(), 100);
    drop(runtime);
    assert_eq!(door.under_way(), 0);
    assert!(begin.elapsed() < Duration::from_secs(5));
    drop(peers);
}

#[test]
fn a_postgres_server_that_requires_encryption() {
    run(async {
        let config = StreamConfig::postgres();
        let (mut client, mut server) = duplex(100);
        let asked = tokio::request_gssenc(&mut client, &config);
        let required = tokio::require_gssenc(&mut server, &config);
        let (asked, required) = ::tokio::join!(asked, required);
        asked.unwrap();
        required.unwrap();

        let (mut client, mut server) = duplex(100);
        let smuggled = [&GSSENC_REQUEST[..], b"Q"].concat();
        client.write_all(&smuggled).await.unwrap();
        let error = tokio::require_gssenc(&mut server, &config).await;
        let early = matches!(error, Err(HandshakeError::Frame(FrameError::Early)));
        assert!(early, "{error:?}");
    });
}
