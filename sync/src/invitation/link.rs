//! What an invitation, a recovery sheet or an approval tells a new device.

use std::{fmt, str::FromStr};

use super::normalise;
use crate::{
    base32,
    id::{ID_BYTES, TenantId},
    limits::SERVER_URL_BYTES_MAX,
};

/// A link: where the server is, whose it is, which root key to trust, and by what right.
///
/// As text: `askel:1/<kind>/<tenant and root hash>/<code>/<server URL>`, where the kind is `join`,
/// `again`, `sheet` or `approved`, tenant and root hash are 48 bytes in Crockford's base 32, and an
/// approval has `-` for a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// `http://…` or `https://…`.
    pub server_url: String,
    /// Whose.
    pub tenant: TenantId,
    /// SHA-256 of the tenant's root key.
    pub root_hash: [u8; 32],
    /// By what right.
    pub kind: LinkKind,
    /// As printed; empty for an approval.
    pub code: String,
}

/// By what right a device comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// An invitation of a new principal.
    Invitation,
    /// Staff invite a known participant again.
    ReInvitation,
    /// A recovery sheet.
    RecoverySheet,
    /// Another device approved this device's key.
    Approval,
}

/// A text that is no link of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an Askel link of this version")]
pub struct LinkError;

const PREFIX: &str = "askel:1/";
const NO_CODE: &str = "-";
const ROOT_HASH_BYTES: usize = 32;

impl LinkKind {
    const ALL: [Self; 4] = [
        Self::Invitation,
        Self::ReInvitation,
        Self::RecoverySheet,
        Self::Approval,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Invitation => "join",
            Self::ReInvitation => "again",
            Self::RecoverySheet => "sheet",
            Self::Approval => "approved",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = [&self.tenant.as_bytes()[..], &self.root_hash].concat();
        let code = if self.kind == LinkKind::Approval {
            NO_CODE
        } else {
            &self.code
        };
        let kind = self.kind.word();
        write!(
            f,
            "{PREFIX}{kind}/{}/{code}/{}",
            base32::encode(&trust),
            self.server_url
        )
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}…)", self.kind.word())
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let parts = text.trim().strip_prefix(PREFIX).ok_or(LinkError)?;
        let mut parts = parts.splitn(4, '/');
        let mut next = || parts.next().ok_or(LinkError);
        let word = next()?;
        let kind = LinkKind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or(LinkError)?;
        let trust = base32::decode(next()?).ok_or(LinkError)?;
        let (tenant, root_hash) = trust.split_at_checked(ID_BYTES).ok_or(LinkError)?;
        let root_hash: [u8; ROOT_HASH_BYTES] = root_hash.try_into().map_err(|_| LinkError)?;
        let code = next()?;
        let code = match kind {
            LinkKind::Approval if code == NO_CODE => String::new(),
            LinkKind::Approval => return Err(LinkError),
            _ => normalise(code)
                .map(|_| code.to_owned())
                .map_err(|_| LinkError)?,
        };
        Ok(Self {
            server_url: server_url(next()?)?,
            tenant: TenantId::try_from(tenant).map_err(|_| LinkError)?,
            root_hash,
            kind,
            code,
        })
    }
}

fn server_url(url: &str) -> Result<String, LinkError> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let printable = url.chars().all(|c| c.is_ascii_graphic());
    if host.is_some_and(|host| !host.is_empty()) && printable && url.len() <= SERVER_URL_BYTES_MAX {
        Ok(url.to_owned())
    } else {
        Err(LinkError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invitation::participant_code;

    fn link(kind: LinkKind) -> Link {
        Link {
            server_url: "https://askel.example:8443/base".to_owned(),
            tenant: TenantId::from_bytes([7; 16]),
            root_hash: [8; 32],
            kind,
            code: if kind == LinkKind::Approval {
                String::new()
            } else {
                participant_code([3; 7])
            },
        }
    }

    #[test]
    fn a_link_comes_back_from_its_text() {
        for kind in LinkKind::ALL {
            assert_eq!(link(kind).to_string().parse(), Ok(link(kind)));
        }
    }

    #[test]
    fn a_link_with_a_part_missing_or_wrong_is_refused() {
        let good = link(LinkKind::Invitation).to_string();
        let changed = |from: &str, to: &str| good.replace(from, to);
        let cases = [
            String::new(),
            changed("askel:1/", "askel:2/"),
            changed("/join/", "/jump/"),
            changed("https://", "ftp://"),
            changed("-", "?"),
            changed("example", "exa mple"),
            changed("https://askel.example:8443/base", ""),
            format!("{good}{}", "x".repeat(SERVER_URL_BYTES_MAX)),
            "askel:1/join".to_owned(),
        ];
        for text in cases {
            assert_eq!(text.parse::<Link>(), Err(LinkError), "{text}");
        }
    }
}
