//! gRPC over one HTTP/2 connection: one message is sent, several come back, then a status.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::{Ping, RecvStream};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Uri};
use prost::Message;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::remote::Remote;
use crate::status::{INTERNAL, Status, UNAVAILABLE, UNKNOWN};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may send nothing. Spark itself ends a stream of answers after two minutes, and the client asks again.
const SILENCE: Duration = Duration::from_secs(180);
/// The longest message, as in Spark's own clients.
const MESSAGE_BYTES: usize = 128 << 20;
/// How many bytes the server may have under way to us at once.
const WINDOW_BYTES: u32 = 1 << 20;

/// A connection to a server.
pub(crate) struct Channel {
    requests: SendRequest<Bytes>,
    scheme: Scheme,
    authority: String,
    headers: HeaderMap,
}

impl Channel {
    /// Connects to a server. What it sends is only taken in while something waits on the runtime.
    pub(crate) async fn open(remote: &Remote) -> Result<Self, Status> {
        let connecting = async {
            let stream = TcpStream::connect((remote.bare_host(), remote.port)).await;
            let stream = stream.map_err(Status::broken)?;
            stream.set_nodelay(true).map_err(Status::broken)?;
            if !remote.tls {
                return handshake(stream).await.map_err(without_tls);
            }
            let name = ServerName::try_from(remote.bare_host().to_owned());
            let name = name.map_err(Status::broken)?;
            let stream = tls()?.connect(name, stream).await;
            handshake(stream.map_err(over_tls)?).await
        };
        let requests = timeout(CONNECT, connecting).await.unwrap_or_else(|_| {
            let message = format!("no connection within {} s", CONNECT.as_secs());
            Err(Status::new(UNAVAILABLE, message))
        })?;
        let mut headers: HeaderMap = remote.headers.iter().cloned().collect();
        headers.insert(
            "content-type",
            http::HeaderValue::from_static("application/grpc"),
        );
        headers.insert("te", http::HeaderValue::from_static("trailers"));
        Ok(Self {
            requests,
            scheme: if remote.tls {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            },
            authority: remote.authority(),
            headers,
        })
    }

    /// Sends a request of one message, which is already encoded.
    pub(crate) async fn send(&mut self, method: &str, message: &[u8]) -> Result<Answers, Status> {
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.as_str())
            .path_and_query(format!("/spark.connect.SparkConnectService/{method}"))
            .build();
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|error| Status::new(INTERNAL, error.to_string()))?;
        *request.headers_mut() = self.headers.clone();
        let answered = async {
            std::future::poll_fn(|context| self.requests.poll_ready(context)).await?;
            let (answer, mut body) = self.requests.send_request(request, false)?;
            body.send_data(frame(message), true)?;
            answer.await
        };
        let answer = heard(answered).await?;
        if !answer.status().is_success() {
            return Err(Status::of_http(answer.status()));
        }
        // A call that fails at once has its status in these headers.
        if let Some(status) = Status::of_headers(answer.headers()) {
            return Err(status);
        }
        Ok(Answers {
            body: answer.into_body(),
            received: BytesMut::new(),
        })
    }
}

/// The answers to a request.
pub(crate) struct Answers {
    body: RecvStream,
    received: BytesMut,
}

impl Answers {
    /// The next message; `None` once the server has ended the stream and says that all went well.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        loop {
            if let Some(message) = self.whole()? {
                let message = M::decode(message);
                return message.map(Some).map_err(|error| {
                    Status::new(INTERNAL, format!("an answer cannot be understood: {error}"))
                });
            }
            let Some(data) = heard(async { self.body.data().await.transpose() }).await? else {
                break;
            };
            let released = self.body.flow_control().release_capacity(data.len());
            released.map_err(Status::broken)?;
            self.received.extend_from_slice(&data);
        }
        let trailers = heard(self.body.trailers()).await?;
        match trailers.as_ref() {
            Some(trailers) if trailers.contains_key("grpc-status") => {
                Status::of_headers(trailers).map_or(Ok(None), Err)
            }
            // A proxy has given up.
            _ => Err(Status::new(
                UNAVAILABLE,
                "the answer ended without a status",
            )),
        }
    }

    /// Takes a message from what was received, if all of it has come.
    fn whole(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(mut head) = self.received.get(..5) else {
            return Ok(None);
        };
        let compressed = head.get_u8() != 0;
        let length = head.get_u32() as usize;
        if compressed || length > MESSAGE_BYTES {
            let message =
                format!("an answer of {length} bytes, or in a compression that was not asked for");
            return Err(Status::new(INTERNAL, message));
        }
        if self.received.len() < 5 + length {
            return Ok(None);
        }
        self.received.advance(5);
        Ok(Some(self.received.split_to(length).freeze()))
    }
}

/// Frames a message for gRPC: a zero for "not compressed", the length, the message.
fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], length.to_be_bytes().as_slice(), message]
        .concat()
        .into()
}

/// Waits for something from the server, up to the limit of silence.
async fn heard<T>(coming: impl Future<Output = Result<T, h2::Error>>) -> Result<T, Status> {
    match timeout(SILENCE, coming).await {
        Ok(heard) => heard.map_err(Status::broken),
        Err(_) => {
            let message = format!("nothing was heard for {} s", SILENCE.as_secs());
            Err(Status::new(UNAVAILABLE, message))
        }
    }
}

async fn handshake<T>(stream: T) -> Result<SendRequest<Bytes>, Status>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.enable_push(false).initial_window_size(WINDOW_BYTES);
    let (requests, mut connection) = builder.handshake(stream).await.map_err(Status::broken)?;
    let ping = connection.ping_pong();
    // A stream is told by h2 when its connection ends.
    tokio::spawn(connection);
    // The handshake doesn't wait for the other side. A ping shows whether that speaks HTTP/2 and answers at all.
    if let Some(mut ping) = ping {
        ping.ping(Ping::opaque()).await.map_err(Status::broken)?;
    }
    Ok(requests)
}

/// The failure of a connection without TLS, with what may be behind it.
fn without_tls(mut status: Status) -> Status {
    status.message += "; if that is not a server of Spark Connect, name another port, and if it speaks TLS, add /;use_ssl=true";
    status
}

/// The failure of a connection over TLS, in plain words where the other side does not speak it.
fn over_tls(error: std::io::Error) -> Status {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref());
    match of_tls {
        Some(rustls::Error::InvalidMessage(_)) => Status::new(
            UNAVAILABLE,
            "it does not speak TLS, which use_ssl=true asks for, and so does a token that goes to another machine",
        ),
        _ => Status::broken(error),
    }
}

fn tls() -> Result<TlsConnector, Status> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Status::new(UNKNOWN, error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
