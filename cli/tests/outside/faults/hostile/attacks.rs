//! What hostile peers do. Each goes on until it is ended, and comes again when it is thrown out.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{
    attacker::tell,
    calls::{self, Asks},
    resets,
};

/// Connections that say nothing.
const SILENT: usize = 500;
/// Connections that say half of something, or something slowly.
const SLOW: usize = 60;
/// Connections that ask.
const ASKING: usize = 4;
/// Before one that was thrown out comes again.
const AGAIN: Duration = Duration::from_millis(20);
/// Between two bytes of one that is slow.
pub(super) const SLOWLY: Duration = Duration::from_secs(1);

/// Beginnings of which no request comes.
const HALF_SAID: [&[u8]; 5] = [
    b"PRI * HTTP/2.0\r\n\r\nSM",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST / HT",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    // A frame of settings whose end never comes.
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00",
];
/// As said one byte a second: half a minute is over before it comes to a request.
const WHOLE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A sort of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// Five hundred connections without a word.
    Silence,
    /// The beginning of a handshake, and no more.
    HalfAHandshake,
    /// One byte a second: of a handshake, and of a request's body.
    OneByteASecond,
    /// A message of 100 MB is promised, and so much of it sent as is taken.
    LengthPrefix,
    /// Requests that are taken back at once, as fast as it goes.
    ResetFlood,
    /// A small message that inflates to 60 MB, and headers that do to 20 MB.
    CompressedBomb,
}

/// Whom, and with whose rights: one of the attackers is a known device.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: String,
    pub(super) credential: String,
}

impl Attack {
    pub(super) const ALL: [Self; 6] = [
        Self::Silence,
        Self::HalfAHandshake,
        Self::OneByteASecond,
        Self::LengthPrefix,
        Self::ResetFlood,
        Self::CompressedBomb,
    ];

    /// What it may be told.
    pub(super) fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Silence | Self::HalfAHandshake => &["at work", "thrown out"],
            Self::OneByteASecond => &["at work", "thrown out", "REQUEST_TOO_SLOW"],
            // Or that others of them have the room for bodies.
            Self::LengthPrefix => &["at work", "MESSAGE_TOO_LARGE", "SERVER_OVERLOADED"],
            Self::ResetFlood => &["at work", "ENHANCE_YOUR_CALM"],
            Self::CompressedBomb => &["at work", "MESSAGE_MALFORMED", "headers too large", "cut"],
        }
    }

    /// What it is told in every window, however short.
    pub(super) fn is_refused_by(self) -> &'static [&'static str] {
        match self {
            Self::Silence | Self::HalfAHandshake | Self::OneByteASecond | Self::ResetFlood => &[],
            Self::LengthPrefix => &["MESSAGE_TOO_LARGE"],
            Self::CompressedBomb => &["MESSAGE_MALFORMED"],
        }
    }

    /// One of which it is told besides where it has the time for all that it does.
    pub(super) fn is_refused_in_time_by(self) -> &'static [&'static str] {
        match self {
            // The connection may end with the answer still on the way.
            Self::CompressedBomb => &["headers too large", "cut"],
            _ => &[],
        }
    }

    pub(super) async fn run(self, target: Target) {
        let mut all = JoinSet::new();
        match self {
            Self::Silence => {
                for _ in 0..SILENT {
                    all.spawn(hold(target.address.clone(), &[]));
                }
            }
            Self::HalfAHandshake => {
                for said in HALF_SAID.into_iter().cycle().take(SLOW) {
                    all.spawn(hold(target.address.clone(), said));
                }
            }
            Self::OneByteASecond => {
                for _ in 0..SLOW {
                    all.spawn(drip(target.address.clone()));
                }
                all.spawn(calls::go_on(target, Asks::Slowly));
            }
            Self::LengthPrefix => ask(&mut all, &target, &Asks::Hugely),
            Self::ResetFlood => {
                for _ in 0..ASKING {
                    all.spawn(resets::flood(target.address.clone()));
                }
            }
            Self::CompressedBomb => ask(&mut all, &target, &Asks::Bomb(calls::bomb())),
        }
        tell("at work");
        while let Some(ended) = all.join_next().await {
            ended.expect("no panic");
        }
    }
}

fn ask(all: &mut JoinSet<()>, target: &Target, asks: &Asks) {
    for _ in 0..ASKING {
        all.spawn(calls::go_on(target.clone(), asks.clone()));
    }
}

/// Says something and no more, for as long as it is let.
async fn hold(address: String, said: &'static [u8]) {
    loop {
        if let Ok(mut connection) = TcpStream::connect(&address).await {
            let _ = connection.write_all(said).await;
            until_thrown_out(&mut connection).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Says something one byte a second.
async fn drip(address: String) {
    loop {
        if let Ok(mut connection) = TcpStream::connect(&address).await {
            let (mut hears, mut says) = connection.split();
            let dripping = async {
                for byte in WHOLE {
                    if says.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(SLOWLY).await;
                }
            };
            let mut answer = [0; 1_024];
            let hearing =
                async { while hears.read(&mut answer).await.is_ok_and(|read| read > 0) {} };
            tokio::select! {
                () = dripping => {}
                () = hearing => {}
            }
            tell("thrown out");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn until_thrown_out(connection: &mut TcpStream) {
    let mut answer = [0; 1_024];
    while connection
        .read(&mut answer)
        .await
        .is_ok_and(|read| read > 0)
    {}
    tell("thrown out");
}
