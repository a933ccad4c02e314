//! What must not be told, in each form that it could be told in.

use std::collections::{BTreeMap, HashMap};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use crate::{device::Device, world::World};

/// Stands for anything that a person types.
pub(crate) const TEXT: &str = "Wilhelmiina.Marker@example.org";
/// Stands for any id.
pub(crate) const ID: [u8; 16] = *b"\xa7\x01MarkedId\xff\xfe\x80\x13\x37\xa7";
/// A place of the catalog that nothing else is numbered like.
pub(crate) const PLACE: u32 = 3_141_592_653;

/// Bytes by which a form is first looked for; the shortest has as many.
const BEGINNING: usize = 8;

/// Forms to look for, each with what it stands for.
pub(crate) struct Marks(BTreeMap<Vec<u8>, String>);

impl Marks {
    pub(crate) fn new(world: &World) -> Self {
        let mut marks = Self(BTreeMap::new());
        marks.text(TEXT, "a text");
        marks.bytes(&ID, "an id");
        marks.bytes(&long(), "a key");
        marks.text(&PLACE.to_string(), "a place");
        marks.text(&format!("{PLACE:x}"), "a place");
        marks.text("Basement", "a place's name");
        marks.bytes(world.tenant.id.as_bytes(), "a tenant");
        // Whoever calls here, and whom the server calls.
        marks.text("127.0.0.1", "an address");
        marks.text("127.0.0.1:", "an address");
        marks
    }

    pub(crate) fn text(&mut self, text: &str, what: &str) {
        assert!(text.len() >= BEGINNING, "{what} is no mark");
        self.0.insert(text.as_bytes().to_vec(), what.to_owned());
        self.0
            .insert(text.to_lowercase().into_bytes(), what.to_owned());
        self.bytes(text.as_bytes(), what);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8], what: &str) {
        let hex = HEXLOWER.encode(bytes);
        let mut forms = vec![
            bytes.to_vec(),
            hex.clone().into_bytes(),
            HEXUPPER.encode(bytes).into_bytes(),
            BASE64_NOPAD.encode(bytes).into_bytes(),
            BASE64URL_NOPAD.encode(bytes).into_bytes(),
            BASE32_NOPAD.encode(bytes).into_bytes(),
            BASE32_NOPAD.encode(bytes).to_lowercase().into_bytes(),
            bytes.escape_ascii().to_string().into_bytes(),
            format!("{bytes:?}").into_bytes(),
        ];
        if bytes.len() == 16 {
            let parts = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ];
            forms.push(parts.join("-").into_bytes());
        }
        for form in forms {
            self.0.insert(form, what.to_owned());
        }
    }

    pub(crate) fn device(&mut self, device: &Device) {
        self.bytes(device.id.as_bytes(), "a device");
        self.bytes(device.key.public_key().as_bytes(), "a device's key");
        self.bytes(device.log.as_bytes(), "a log");
        if let Some(participant) = device.participant {
            self.bytes(participant.as_bytes(), "a participant");
        }
        if let Some(pass) = device.pass {
            self.bytes(pass.as_bytes(), "a pass");
        }
    }

    /// None of them is there.
    pub(crate) fn check(&self, bytes: &[u8], place: &str) {
        let mut by_beginning: HashMap<&[u8], Vec<(&[u8], &str)>> = HashMap::new();
        for (form, what) in &self.0 {
            let of_beginning = by_beginning.entry(&form[..BEGINNING]).or_default();
            of_beginning.push((form, what));
        }
        for (at, window) in bytes.windows(BEGINNING).enumerate() {
            let forms = by_beginning.get(window).into_iter().flatten();
            for (form, what) in forms {
                let around = &bytes[at.saturating_sub(120)..bytes.len().min(at + 160)];
                let around = around.escape_ascii();
                assert!(
                    !bytes[at..].starts_with(form),
                    "{what} is told in {place}: {around}"
                );
            }
        }
    }
}

/// A longer mark, for keys and hashes.
pub(crate) fn long() -> [u8; 32] {
    let mut long = [0x5a; 32];
    long[..16].copy_from_slice(&ID);
    long[16] = 0xc3;
    long
}

#[test]
fn each_form_is_found() {
    let mut marks = Marks(BTreeMap::new());
    marks.bytes(&ID, "an id");
    marks.text(TEXT, "a text");
    let told = |bytes: Vec<u8>| std::panic::catch_unwind(|| marks.check(&bytes, "a test")).is_err();
    assert!(!told(b"nothing of anybody".to_vec()));
    assert!(told([b"so ".as_slice(), &ID, b" it is"].concat()));
    assert!(told(
        format!("device={}", HEXLOWER.encode(&ID)).into_bytes()
    ));
    assert!(told(format!("by {TEXT}!").into_bytes()));
    assert!(told(b"a7014d61-726b-6564-4964-fffe801337a7".to_vec()));
}
