//! For tests: a server on the loopback that answers as it is told, and records what it was asked.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::{Credentials, Region, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::Aws;
use crate::client::https;

/// How often the SDK tries in these tests.
pub(crate) const ATTEMPTS: usize = 2;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET /bucket/key?query`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_query(&self, part: &str) -> bool {
        let query = self.line.split_once('?').map_or("", |(_, query)| query);
        query
            .split('&')
            .any(|found| found == part || found.split('=').next() == Some(part))
    }
}

/// What the server answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How many bytes of the body arrive; a shorter one breaks off.
    sent: usize,
    /// Nothing comes at all.
    is_silent: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Reply {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            sent: usize::MAX,
            is_silent: false,
        }
    }

    /// An error as S3 writes it.
    pub(crate) fn s3_error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        Reply::new(status, &body)
    }

    pub(crate) fn silence() -> Self {
        Reply {
            is_silent: true,
            ..Reply::new(200, "")
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Breaks off after so many bytes of the body.
    pub(crate) fn cut(mut self, sent: usize) -> Self {
        self.sent = sent;
        self
    }
}

/// The server. Stops when its replies are used up; after that nothing connects.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers in this order.
    pub(crate) fn replying(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies = replies.into_iter().collect::<Vec<_>>().into_iter();
        Server::answering(move |_| replies.next())
    }

    /// Answers until the answer is `None`.
    pub(crate) fn answering(mut answer: impl FnMut(&Request) -> Option<Reply> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        std::thread::spawn(move || {
            // Held open, so that the client waits.
            let mut silent = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let Some(request) = read(&connection) else { continue };
                let Some(reply) = answer(&request) else { return };
                record.lock().unwrap().push(request);
                if reply.is_silent {
                    silent.push(connection);
                } else {
                    write(&mut connection, &reply);
                }
            }
        });
        Server { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// First lines of all requests, without queries.
    pub(crate) fn lines(&self) -> Vec<String> {
        let requests = self.requests();
        requests
            .iter()
            .map(|r| r.line.split('?').next().unwrap().to_owned())
            .collect()
    }

    /// The way to this server: it tries twice, and waits a second for an answer.
    pub(crate) fn aws(&self) -> Aws {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )))
            .endpoint_url(self.url())
            .http_client(https())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(u32::try_from(ATTEMPTS).unwrap())
                    .with_initial_backoff(Duration::from_millis(1)),
            )
            .timeout_config(TimeoutConfig::builder().read_timeout(Duration::from_secs(1)).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Aws::with_config(config)
    }
}

fn read(connection: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        line,
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length").unwrap_or("0").parse().unwrap();
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn write(connection: &mut TcpStream, reply: &Reply) {
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !reply.headers.iter().any(|(name, _)| name == "content-length") {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    let sent = reply.sent.min(reply.body.len());
    // The client may have gone.
    _ = connection.write_all(head.as_bytes());
    _ = connection.write_all(&reply.body[..sent]);
}
