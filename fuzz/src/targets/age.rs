//! Backups that somebody else may have changed, and files of the keys that open them.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use askel_server::age::{Opener, Recipient, parse_identities};

use crate::Target;

/// What the program `age` sealed in the golden files. Nothing else was ever sealed to that key.
const SEALED: [&[u8]; 2] = [b"A basement.\n", b""];

pub(crate) const AGE_FILE: Target = Target {
    name: "age-file",
    run: file,
    seeds: || ["hello.age", "empty.age"].map(golden).to_vec(),
};

pub(crate) const AGE_KEYS: Target = Target {
    name: "age-keys",
    run: keys,
    seeds: || {
        let keys = golden("keys.txt");
        let mut lines = keys.split(|byte| *byte == b'\n');
        let secret = lines.find(|line| line.starts_with(b"AGE-SECRET-KEY-"));
        let public = b"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let secret = secret.map(<[u8]>::to_vec).unwrap_or_default();
        vec![keys, secret, public.to_vec()]
    },
};

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/age/golden");
    fs::read(folder.join(name)).expect("a golden file")
}

/// A reader that gives little at a time, as a pipe may.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = to.len().min(3);
        self.0.read(to.get_mut(..count).unwrap_or_default())
    }
}

/// A file is refused, or what it holds was sealed; whoever reads it in whatever portions.
fn file(bytes: &[u8]) {
    let text = String::from_utf8(golden("keys.txt")).expect("text");
    let keys = parse_identities(&text).expect("golden");
    let opened = |from: &mut dyn Read| {
        let mut plain = Vec::new();
        let mut opener = Opener::new(from, &keys).map_err(|error| error.to_string())?;
        let read = opener.read_to_end(&mut plain);
        read.map(|_| plain).map_err(|error| error.to_string())
    };
    let whole = opened(&mut &*bytes);
    assert_eq!(whole, opened(&mut Slow(bytes)));
    if let Ok(plain) = whole {
        assert!(SEALED.contains(&&*plain), "{plain:?} was never sealed");
    }
    let to_nobody = Opener::new(bytes, &[]);
    assert!(to_nobody.is_err(), "opened without a key");
}

/// Secret keys and public ones are what their text says, and are written as they are read.
fn keys(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(keys) = parse_identities(text) {
        for key in keys {
            let again = parse_identities(&key.to_text()).expect("what was written");
            let again = again.iter().map(|key| key.recipient().to_string());
            assert_eq!(again.collect::<Vec<_>>(), [key.recipient().to_string()]);
        }
    }
    if let Ok(recipient) = text.trim().parse::<Recipient>() {
        assert_eq!(recipient.to_string().parse(), Ok(recipient));
    }
}
