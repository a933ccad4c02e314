//! What is typed or scanned: passes, links, codes.

use askel_sync::{
    invitation::{Link, normalise},
    pass,
};

use crate::{
    Target,
    world::{NOON, TENANT, golden, key_list},
};

pub(crate) const PASS_TEXT: Target = Target {
    name: "pass-text",
    run: pass_text,
    seeds: || vec![golden("pass-text.bin")],
};

pub(crate) const LINK: Target = Target {
    name: "link",
    run: link,
    seeds: || {
        vec![
            golden("invitation-link.bin"),
            b"askel:1/approved/x/-".to_vec(),
        ]
    },
};

fn pass_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(signed) = pass::from_text(text) else {
        return;
    };
    assert_eq!(
        pass::from_text(&pass::to_text(&signed)).as_ref(),
        Ok(&signed)
    );
    if let Ok(pass) = pass::verify(&signed, TENANT, &key_list(), NOON) {
        // Nobody makes a good one without the key.
        assert_eq!(pass.tag.as_bytes(), b"pass-tag-1234567");
    }
}

fn link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(code) = normalise(text) {
        assert_eq!(normalise(&code).as_deref(), Ok(&*code));
    }
    if let Ok(link) = text.parse::<Link>() {
        assert!(link.to_string().parse() == Ok(link));
    }
}
