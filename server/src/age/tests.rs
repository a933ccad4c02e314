//! Against files of the program `age` itself (1.1.1), and everything that can happen to a file.

use std::io::{Read as _, Write as _};

use super::*;
use crate::entropy::SystemEntropy;

/// Made by `age-keygen`, for these tests alone.
const KEYS: &str = include_str!("golden/keys.txt");
/// `age -r` to another key, to that of the file, and to a third.
const HELLO: &[u8] = include_bytes!("golden/hello.age");
const EMPTY: &[u8] = include_bytes!("golden/empty.age");

const PIECE: usize = 64 * 1024;

fn identity() -> Identity {
    Identity::generate(&SystemEntropy).expect("randomness")
}

fn sealed(plain: &[u8], to: &[Recipient]) -> Vec<u8> {
    let mut sealer = Sealer::new(Vec::new(), to, &SystemEntropy).expect("a head");
    // In odd portions.
    for portion in plain.chunks(10_007) {
        sealer.write_all(portion).expect("written");
    }
    sealer.finish().expect("finished")
}

fn opened(file: &[u8], keys: &[Identity]) -> Result<Vec<u8>, AgeError> {
    let mut plain = Vec::new();
    Opener::new(file, keys)?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn some(length: usize) -> Vec<u8> {
    let byte = |index: usize| u8::try_from(index % 251).expect("a byte");
    (0..length).map(byte).collect()
}

#[test]
fn files_of_the_program_age_are_read() {
    let keys = parse_identities(KEYS).expect("keys");
    assert_eq!(opened(HELLO, &keys).expect("opened"), b"A basement.\n");
    assert_eq!(opened(EMPTY, &keys).expect("opened"), b"");
    let told = KEYS
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    assert_eq!(told, Some(&*keys[0].recipient().to_string()));
}

#[test]
fn what_is_sealed_is_opened_by_each_recipient_whatever_its_length() {
    let (one, other) = (identity(), identity());
    let to = [one.recipient(), other.recipient()];
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5] {
        let plain = some(length);
        let file = sealed(&plain, &to);
        for key in [&one, &other] {
            let read = opened(&file, std::slice::from_ref(key));
            assert!(read.expect("opened") == plain, "{length}");
        }
        let wrong = opened(&file, &[identity()]);
        assert!(matches!(wrong, Err(AgeError::WrongKey)), "{wrong:?}");
    }
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    let key = identity();
    let file = sealed(&some(2 * PIECE + 100), &[key.recipient()]);
    let head = 300;
    let borders = [1, 2].map(|pieces| file.len() - 116 - (2 - pieces) * (PIECE + 16));
    let ends = (0..head).chain(borders).chain([file.len() - 1]);
    for end in ends {
        let read = opened(&file[..end], std::slice::from_ref(&key));
        let refused = matches!(read, Err(AgeError::CutShort | AgeError::Damaged));
        assert!(refused, "{end}");
    }
    for border in borders {
        let read = opened(&file[..border], std::slice::from_ref(&key));
        assert!(matches!(read, Err(AgeError::CutShort)), "{border}");
    }
}

#[test]
fn a_byte_that_was_changed_anywhere_is_found() {
    let key = identity();
    let file = sealed(&some(500), &[identity().recipient(), key.recipient()]);
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(
            opened(&changed, std::slice::from_ref(&key)).is_err(),
            "{at}"
        );
    }
    let longer = [&file[..], b"x"].concat();
    let read = opened(&longer, &[key]);
    assert!(matches!(read, Err(AgeError::Damaged)), "{read:?}");
}

#[test]
fn pieces_that_changed_places_are_found() {
    let key = identity();
    let mut file = sealed(&some(3 * PIECE), &[key.recipient()]);
    let last = file.len() - (PIECE + 16);
    let (front, _) = file.split_at_mut(last);
    let second = front.len() - (PIECE + 16);
    let first = second - (PIECE + 16);
    let (one, other) = front.split_at_mut(second);
    one[first..].swap_with_slice(other);
    let read = opened(&file, &[key]);
    assert!(matches!(read, Err(AgeError::Damaged)), "{read:?}");
}

#[test]
fn recipients_have_a_limit() {
    let to = vec![identity().recipient(); RECIPIENTS_MAX];
    assert!(Sealer::new(Vec::new(), &to, &SystemEntropy).is_ok());
    let to = vec![identity().recipient(); RECIPIENTS_MAX + 1];
    for to in [&to[..], &[]] {
        let refused = Sealer::new(Vec::new(), to, &SystemEntropy);
        assert!(matches!(refused, Err(AgeError::Recipients)));
    }
}

#[test]
fn nobody_seals_to_a_key_that_everybody_knows_the_secret_of() {
    let zero = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse_unchecked("age"), &[0; 32]);
    let zero: Recipient = zero.expect("text").parse().expect("32 bytes");
    let refused = Sealer::new(Vec::new(), &[zero], &SystemEntropy);
    assert!(matches!(refused, Err(AgeError::Recipients)));
}

#[test]
fn a_head_without_end_is_not_read_to_it() {
    let endless = [MAGIC, &b"-> X25519 AAAA\n".repeat(100_000)].concat();
    let refused = opened(&endless, &[identity()]);
    assert!(matches!(refused, Err(AgeError::Head)), "{refused:?}");
    let endless = [MAGIC, &vec![b'x'; 1_000_000]].concat();
    let refused = opened(&endless, &[identity()]);
    assert!(matches!(refused, Err(AgeError::Head)), "{refused:?}");
}

#[test]
fn keys_are_read_as_text_and_faults_in_them_are_found() {
    let key = identity();
    let (public, secret) = (key.recipient().to_string(), key.to_text());
    assert!(public.starts_with("age1") && secret.starts_with("AGE-SECRET-KEY-1"));
    assert_eq!(public.parse(), Ok(key.recipient()));
    let again: Identity = secret.parse().expect("a key");
    assert_eq!(again.recipient(), key.recipient());
    let (start, last) = public.split_at(public.len() - 1);
    let swapped = format!("{start}{}", if last == "q" { "p" } else { "q" });
    for bad in [
        &*swapped,
        &public[1..],
        &public[..public.len() - 1],
        &secret,
        "",
    ] {
        assert_eq!(bad.parse::<Recipient>(), Err(BadKey), "{bad}");
    }
    let file = |text: &str| parse_identities(text).map(|keys| keys.len());
    let good = format!("# made today\n\n{}\n{}\n", &*secret, &*identity().to_text());
    assert_eq!(file(&good), Ok(2));
    assert_eq!(file("# nothing\n"), Err(BadKey));
    assert_eq!(file(&format!("{}\nx\n", &*secret)), Err(BadKey));
    assert_eq!(format!("{key:?}"), "Identity(…)");
}

/// The file with another stanza before its own.
fn with_stanza(file: &[u8], share: &[u8], body: &[u8]) -> Vec<u8> {
    let symbols = data_encoding::BASE64_NOPAD;
    let (share, body) = (symbols.encode(share), symbols.encode(body));
    let stanza = format!("-> X25519 {share}\n{body}\n");
    [MAGIC, stanza.as_bytes(), &file[MAGIC.len()..]].concat()
}

#[test]
fn a_file_with_a_wrapped_key_that_is_none_is_refused_before_it_is_tried() {
    let key = identity();
    let file = sealed(b"some", &[key.recipient()]);
    // Of small order: what is agreed by it is known to all. Then keys of other lengths.
    for (share, body) in [([0; 32], 32), ([9; 32], 31), ([9; 32], 33)] {
        let strange = with_stanza(&file, &share, &vec![7; body]);
        let refused = opened(&strange, std::slice::from_ref(&key));
        assert!(matches!(refused, Err(AgeError::Head)), "{refused:?}");
    }
    // A good one of somebody else's, which the head's MAC does not know.
    let strange = with_stanza(&file, &[9; 32], &[7; 32]);
    let refused = opened(&strange, &[key]);
    assert!(matches!(refused, Err(AgeError::Damaged)), "{refused:?}");
}

#[test]
fn a_key_has_one_text() {
    use bech32::{ByteIterExt as _, Fe32, Fe32IterExt as _};
    let key = identity();
    let (public, secret) = (key.recipient().to_string(), key.to_text());
    assert_eq!(public.to_uppercase().parse::<Recipient>(), Err(BadKey));
    assert!(secret.to_lowercase().parse::<Identity>().is_err());
    // Of 52 symbols of five bits the last four bits say nothing, and are zero.
    let mut symbols: Vec<Fe32> = [9_u8; 32].iter().copied().bytes_to_fes().collect();
    let last = symbols.pop().expect("some").to_u8();
    symbols.push(Fe32::try_from(last | 1).expect("five bits"));
    let (symbols, kind) = (symbols.into_iter(), bech32::Hrp::parse_unchecked("age"));
    let padded = symbols.with_checksum::<bech32::Bech32>(&kind);
    let padded: String = padded.chars().collect();
    assert_eq!(padded.parse::<Recipient>(), Err(BadKey), "{padded}");
}
