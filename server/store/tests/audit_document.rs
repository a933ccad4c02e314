//! docs/audit.md says what the code does.

use std::fmt::Write as _;

use askel_store::{Audit, AuditAction, AuditEntry};
use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};

const DOCUMENT: &str = include_str!("../../../docs/audit.md");

#[test]
fn the_document_lists_every_action_and_no_other() {
    let table = DOCUMENT
        .split("## Actions")
        .nth(1)
        .expect("the section of actions");
    let table = table.split("## ").next().expect("its text");
    let listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let real: Vec<&str> = AuditAction::ALL
        .iter()
        .map(|action| action.name())
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn the_documents_entry_hashes_as_it_says() {
    let audit = Audit {
        at: Timestamp::from_ms(1_460_440_800_000),
        actor: Some(DeviceId::from_bytes([2; 16])),
        action: AuditAction::DeviceEnrolled,
        target: "devices/02020202020202020202020202020202".to_owned(),
    };
    let entry = AuditEntry::following(None, TenantId::from_bytes([1; 16]), audit);
    let hash = entry.hash.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    });
    assert!(
        DOCUMENT.contains(&format!("hash          = {hash}\n")),
        "the hash is {hash}"
    );
}
