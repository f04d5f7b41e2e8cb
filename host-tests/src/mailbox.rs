//! A mail server on loopback, which remembers what came and answers to recipients as a spec says.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail that came.
#[derive(Clone, Debug)]
pub struct Mail {
    /// To whom, as the envelope says.
    pub to: String,
    /// Headers and body, as they came.
    pub text: String,
    /// Who gave it up, as `AUTH PLAIN` says; in base64.
    pub credentials: Option<String>,
}

type Verdict = dyn Fn(&str) -> &'static str + Send + Sync;

/// A mail server. It is gone when the runtime of its spec is.
pub struct Mailbox {
    port: u16,
    got: Arc<Mutex<Vec<Mail>>>,
}

impl Mailbox {
    /// One that takes everything.
    pub async fn new() -> Self {
        Self::answering(|_| "250 fine").await
    }

    /// One that answers each recipient like this.
    ///
    /// # Panics
    /// When loopback has no port left.
    pub async fn answering(verdict: impl Fn(&str) -> &'static str + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let got: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let (all, verdict): (_, Arc<Verdict>) = (Arc::clone(&got), Arc::new(verdict));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(speak(stream, Arc::clone(&all), Arc::clone(&verdict)));
            }
        });
        Self { port, got }
    }

    /// Its port, at `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All mails that it took.
    ///
    /// # Panics
    /// When a verdict has panicked.
    pub fn got(&self) -> Vec<Mail> {
        self.got.lock().expect("no verdict panics").clone()
    }
}

async fn speak(stream: TcpStream, got: Arc<Mutex<Vec<Mail>>>, verdict: Arc<Verdict>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut to, mut credentials) = (String::new(), None);
    say(&mut stream, "220 mailbox").await?;
    loop {
        let line = hear(&mut stream).await?;
        let reply = match line.split(' ').next()?.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mailbox\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => {
                credentials = line.split(' ').nth(2).map(ToOwned::to_owned);
                "235 welcome"
            }
            "RCPT" => {
                to = line.split('<').nth(1)?.split('>').next()?.to_owned();
                verdict(&to)
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let mut text = String::new();
                loop {
                    let line = hear(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                let mail = Mail { to: to.clone(), text, credentials: credentials.clone() };
                got.lock().expect("no verdict panics").push(mail);
                "250 taken"
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Some(());
            }
            _ => "250 fine",
        };
        say(&mut stream, reply).await?;
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
