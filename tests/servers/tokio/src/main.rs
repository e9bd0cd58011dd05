//! The server of `threads.c` in async Rust: tokio on one thread, a task per connection. A yardstick of `scripts/bench`.
//!
//! usage: lichen-server-tokio [PORT]; prints "port N", serves keep-alive connections, ends with status 0 on SIGTERM.

#[path = "../../answer.rs"]
mod answer;

use std::io::{self, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let listener = TcpListener::from_std(listen(port)?)?;
    println!("port {}", listener.local_addr()?.port());
    io::stdout().flush()?;

    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        result = accept_all(listener) => result,
        _ = term.recv() => Ok(()),
    }
}

/// std's listener has a backlog of 4,096 on Linux (SOMAXCONN), as the other servers here have; tokio's has 1,024.
fn listen(port: u16) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept_all(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is the business of that connection only.
        tokio::spawn(async move {
            let _ = serve(stream).await;
        });
    }
}

/// Serves one connection until the client closes it.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut input = [0; answer::REQUEST_MAX];
    let mut output = Vec::with_capacity(256);
    let mut have = 0;
    loop {
        let length = loop {
            if let Some(length) = answer::request_length(&input[..have]) {
                break length;
            }
            let got = stream.read(&mut input[have..]).await?;
            if got == 0 {
                return Ok(());
            }
            have += got;
        };
        answer::answer(&input[..length], &mut output);
        stream.write_all(&output).await?;
        if answer::wants_close(&input[..length]) {
            return Ok(());
        }
        input.copy_within(length..have, 0);
        have -= length;
    }
}
