//! Which database holds the data.

use std::{fmt, path::PathBuf, str::FromStr};

/// A database by its URL. Shows no more than its kind: a URL may hold a password.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `sqlite:`: the embedded database, `askel.sqlite` in the data folder.
    #[default]
    Embedded,
    /// `sqlite:PATH`: the embedded database in another file.
    EmbeddedAt(PathBuf),
    /// `postgres://…`: a `PostgreSQL` database, as the role that serves.
    Postgres(String),
}

/// Text that names no database this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither sqlite:PATH nor postgres://…")]
pub struct NoStoreUrl;

impl FromStr for StoreUrl {
    type Err = NoStoreUrl;

    fn from_str(text: &str) -> Result<Self, NoStoreUrl> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Ok(Self::Embedded),
            Some(("sqlite", path)) => Ok(Self::EmbeddedAt(PathBuf::from(path))),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            _ => Err(NoStoreUrl),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded | Self::EmbeddedAt(_) => "sqlite:",
            Self::Postgres(_) => "postgres:",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_database() {
        let check = |text: &str, expected: Option<StoreUrl>| {
            assert_eq!(text.parse().ok(), expected, "{text}");
        };
        check("sqlite:", Some(StoreUrl::Embedded));
        let at = StoreUrl::EmbeddedAt(PathBuf::from("/srv/askel.sqlite"));
        check("sqlite:/srv/askel.sqlite", Some(at));
        for text in ["postgres://a:b@c/d", "postgresql:///askel?host=/run"] {
            check(text, Some(StoreUrl::Postgres(text.to_owned())));
        }
        for text in ["", "askel.sqlite", "postgres:", "mysql://a@b/c"] {
            check(text, None);
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: StoreUrl = "postgres://server:opensesame@db/askel".parse().unwrap();
        assert_eq!(format!("{url:?}"), "postgres:");
    }
}
