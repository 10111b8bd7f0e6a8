//! The real daemon as a child process, and a BGP speaker that writes and reads bytes.

#![allow(dead_code, reason = "no test uses everything")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bagpipe_api::Client;
use bgp_wire::{
    Capability, DecodeContext, Family, Message, Open, RawMessage, Update,
    raw::{Framer, kind},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// How long anything may take before the test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    /// Where its API listens.
    pub api: SocketAddr,
    log: Arc<Mutex<String>>,
    directory: tempfile::TempDir,
}

/// A configuration file with the dummy dataplane and the API on a free port.
pub fn config(bgp_port: u16, more: &str) -> String {
    format!(
        "[BGP]\nlocal_address=127.0.0.1\npeers=127.0.0.1\nmy_as=64512\nbgp_port={bgp_port}\n\
         connect_retry=0.05\n[API]\nport=0\n{more}"
    )
}

impl Daemon {
    /// Starts a daemon and waits until its API listens.
    pub fn start(config: &str) -> Self {
        Self::start_command(Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp")), config)
    }

    /// The same by a command of the caller's; the configuration is appended to it.
    pub fn start_command(mut command: Command, config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the configuration");
        let file = directory.path().join("bgp.conf");
        fs::write(&file, config).expect("the configuration is written");
        let mut child = command
            .arg("--config-file")
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut text = String::new();
        let api = loop {
            let start = text.len();
            let count = lines.read_line(&mut text).expect("the log is text");
            assert_ne!(count, 0, "the daemon ended early:\n{text}");
            if let Some((_, address)) = text[start..].split_once("REST API on ") {
                break address.trim().parse().expect("an address");
            }
        };
        let log = Arc::new(Mutex::new(text));
        let rest = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = rest.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            child,
            api,
            log,
            directory,
        }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no writer panics").clone()
    }

    /// A connection to its API.
    pub async fn client(&self) -> Client {
        Client::connect(self.api).await.expect("the API listens")
    }

    /// Waits until a page of the looking glass is as wanted, by waiting for changes.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut client = self.client().await;
        let mut page = Value::Null;
        let wait = async {
            let mut version = 0;
            loop {
                page = client.looking_glass(path).await.unwrap_or(Value::Null);
                if wanted(&page) {
                    return;
                }
                version = client
                    .changes(version, DEADLINE)
                    .await
                    .expect("the daemon answers");
            }
        };
        let in_time = timeout(DEADLINE, wait).await.is_ok();
        assert!(in_time, "{path} never got there: {page:#}\n{}", self.log());
        page
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid())
            .status();
        assert!(status.expect("kill is there").success());
    }

    /// Its process id.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the daemon is a child")
    }

    /// A file beside its configuration.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends bytes as they are and returns everything answered until the server closes or `count` answers came.
pub async fn raw_http(api: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(api).await.expect("the API listens");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("in time")
        .expect("read");
    String::from_utf8(answer).expect("text")
}

/// A reflector's side of a session, byte by byte.
pub struct Speaker {
    stream: TcpStream,
    framer: Framer,
    /// The OPEN of the daemon, whole message.
    pub open: Vec<u8>,
    /// Families whose End-of-RIB came, in order.
    pub ended: Vec<Family>,
}

/// A listener on a free port of the loopback interface.
pub async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

impl Speaker {
    /// Takes a connection and brings the session up with these families.
    pub async fn accept(listener: &TcpListener, families: &[Family]) -> Self {
        Self::accept_with(listener, families, Vec::new()).await
    }

    /// The same with more capabilities.
    pub async fn accept_with(
        listener: &TcpListener,
        families: &[Family],
        more: Vec<Capability>,
    ) -> Self {
        Self::accept_as(64512, listener, families, more).await
    }

    /// The same as a speaker of another AS.
    pub async fn accept_as(
        asn: u32,
        listener: &TcpListener,
        families: &[Family],
        more: Vec<Capability>,
    ) -> Self {
        let mut speaker = Self::connected(listener).await;
        speaker.open = speaker.next().await.encode().to_vec();
        let capabilities = families.iter().copied().map(Capability::MultiProtocol);
        let mut capabilities: Vec<_> = capabilities.collect();
        capabilities.push(Capability::FourOctetAs(asn));
        capabilities.extend(more);
        let open = Open::new(asn, 90, Ipv4Addr::new(127, 0, 0, 9), capabilities);
        speaker.send(&Message::Open(open).encode()).await;
        speaker.send(&Message::Keepalive.encode()).await;
        assert_eq!(speaker.next().await.kind, kind::KEEPALIVE);
        speaker
    }

    /// Takes a connection and says nothing.
    pub async fn connected(listener: &TcpListener) -> Self {
        let accepted = timeout(DEADLINE, listener.accept())
            .await
            .expect("a connection in time");
        let (stream, _) = accepted.expect("accepted");
        Self {
            stream,
            framer: Framer::new(),
            open: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// The next message; `None` when the daemon closed.
    pub async fn next_or_end(&mut self) -> Option<RawMessage> {
        loop {
            if let Some(message) = self.framer.next() {
                return Some(message.expect("a well formed header"));
            }
            let mut buffer = [0; 4096];
            let read = timeout(DEADLINE, self.stream.read(&mut buffer)).await;
            match read.expect("a message in time") {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.framer.push(&buffer[..count]),
            }
        }
    }

    /// The next message.
    pub async fn next(&mut self) -> RawMessage {
        self.next_or_end()
            .await
            .expect("the daemon keeps the connection")
    }

    /// The next UPDATE with routes, KEEPALIVEs and End-of-RIBs skipped.
    pub async fn update(&mut self) -> RawMessage {
        loop {
            let message = self.update_or_end_of_rib().await;
            match decode(&message).end_of_rib() {
                None => return message,
                Some(family) => self.ended.push(family),
            }
        }
    }

    /// The next End-of-RIB of this family, routes skipped.
    pub async fn end_of_rib(&mut self, family: Family) {
        while !self.ended.contains(&family) {
            let message = self.update_or_end_of_rib().await;
            self.ended.extend(decode(&message).end_of_rib());
        }
    }

    /// The next UPDATE, KEEPALIVEs skipped.
    pub async fn update_or_end_of_rib(&mut self) -> RawMessage {
        loop {
            let message = self.next().await;
            match message.kind {
                kind::KEEPALIVE => {}
                kind::UPDATE => return message,
                other => panic!("message of type {other} instead of an UPDATE: {message:?}"),
            }
        }
    }

    /// The body of the next UPDATE as hex digits.
    pub async fn update_hex(&mut self) -> String {
        hex(&self.update().await.body)
    }

    /// The next UPDATE, decoded.
    pub async fn decoded(&mut self) -> Update {
        decode(&self.update().await)
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &RawMessage) {
        self.send_bytes(&message.encode()).await;
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// Sends an UPDATE whose body is written in hex digits.
    pub async fn send_update(&mut self, body: &str) {
        self.send(&RawMessage::new(kind::UPDATE, unhex(body))).await;
    }
}

fn decode(message: &RawMessage) -> Update {
    match Message::decode(message, &DecodeContext::default()) {
        Ok(Message::Update(update)) => update,
        other => panic!("{other:?} instead of an UPDATE"),
    }
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hex digits as bytes; white space is ignored.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

/// Hex digits without the spaces that make them readable.
pub fn digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
