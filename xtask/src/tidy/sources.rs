//! The files that tidy looks at, by their path from the root.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;

/// Folders that are not the project's text.
const SKIPPED: &[&str] = &[".git", "target", "__pycache__"];

/// Endings of files whose text is read; of others only the path is known.
const TEXT: &[&str] = &["md", "rs", "toml", "proto", "sql", "py", "sh"];

/// Paths from the root, with `/`, and the text of those that are text.
#[derive(Default)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Reads the tree under `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut sources = Self::default();
        sources.read_folder(root, "")?;
        Ok(sources)
    }

    fn read_folder(&mut self, folder: &Path, path: &str) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}/{name}")
            };
            let is_skipped = SKIPPED.contains(&&*name) || name.starts_with("target-");
            match (entry.file_type()?.is_dir(), is_skipped) {
                (_, true) => {}
                (true, false) => self.read_folder(&entry.path(), &inner)?,
                (false, false) => self.read_file(&entry.path(), inner)?,
            }
        }
        Ok(())
    }

    fn read_file(&mut self, file: &Path, path: String) -> anyhow::Result<()> {
        let is_text = extension(&path).is_some_and(|extension| TEXT.contains(&extension));
        let text = if is_text {
            fs::read_to_string(file).with_context(|| path.clone())?
        } else {
            String::new()
        };
        self.0.insert(path, text);
        Ok(())
    }

    /// The text of a file, empty when there is none.
    pub(super) fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// Whether a file, or a folder with a file in it, has this path.
    pub(super) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.0.contains_key(path) || self.0.keys().any(|file| file.starts_with(&folder))
    }

    /// Files with this ending, and their text.
    pub(super) fn ending<'a>(
        &'a self,
        wanted: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(path, _)| extension(path) == Some(wanted))
            .map(|(path, text)| (&**path, &**text))
    }
}

#[cfg(test)]
impl Sources {
    /// These files only.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(
            files
                .iter()
                .map(|(path, text)| ((*path).into(), (*text).into()))
                .collect(),
        )
    }
}

/// What follows the last dot.
pub(super) fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

/// The folder of a file, with a `/` at its end.
pub(super) fn folder(path: &str) -> String {
    path.rsplit_once('/')
        .map_or(String::new(), |(folder, _)| format!("{folder}/"))
}
