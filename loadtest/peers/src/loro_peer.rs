//! loro: updates from a version, frontiers as the version that travels, snapshots.

use anyhow::bail;
use loro::{
    Container, ExportMode, LoroDoc, LoroMap, LoroValue, ToJson as _, ValueOrContainer,
    VersionVector,
};

use crate::{
    replica::{Replica, Saved, Scalar},
    tree::{Path, Tree},
};

pub(crate) struct LoroPeer(LoroDoc);

impl LoroPeer {
    fn map(&self, path: Path<'_>) -> anyhow::Result<LoroMap> {
        let root = self.0.get_map(path.root);
        let Some(inner) = path.inner else {
            return Ok(root);
        };
        match root.get(inner) {
            Some(ValueOrContainer::Container(Container::Map(inner))) => Ok(inner),
            _ => Ok(root.insert_container(inner, LoroMap::new())?),
        }
    }
}

fn value(scalar: &Scalar) -> LoroValue {
    match scalar {
        Scalar::Int(int) => LoroValue::I64(*int),
        Scalar::Text(text) => LoroValue::from(text.as_str()),
        Scalar::Set => LoroValue::Bool(true),
    }
}

impl Replica for LoroPeer {
    const NAME: &'static str = "loro";
    type Version = VersionVector;

    fn new(writer: u8) -> anyhow::Result<Self> {
        let doc = LoroDoc::new();
        // As random as the numbers that the library draws.
        doc.set_peer_id(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(writer) + 1))?;
        Ok(Self(doc))
    }

    fn put(&mut self, path: Path<'_>, key: &str, scalar: &Scalar) -> anyhow::Result<()> {
        Ok(self.map(path)?.insert(key, value(scalar))?)
    }

    fn remove(&mut self, path: Path<'_>, key: &str) -> anyhow::Result<()> {
        Ok(self.map(path)?.delete(key)?)
    }

    fn set_at(&mut self, list: &str, index: usize, scalar: &Scalar) -> anyhow::Result<()> {
        let list = self.0.get_list(list);
        if index < list.len() {
            list.delete(index, 1)?;
        }
        Ok(list.insert(index, value(scalar))?)
    }

    fn push(&mut self, list: &str, scalar: &Scalar) -> anyhow::Result<()> {
        Ok(self.0.get_list(list).push(value(scalar))?)
    }

    fn commit(&mut self) {
        self.0.commit();
    }

    fn version(&mut self) -> VersionVector {
        self.0.oplog_vv()
    }

    fn encode_version(&mut self) -> Vec<u8> {
        let frontiers = self.0.oplog_frontiers().encode();
        let vector = self.0.oplog_vv().encode();
        if frontiers.len() < vector.len() {
            frontiers
        } else {
            vector
        }
    }

    fn hand_in(&mut self, known: &VersionVector) -> anyhow::Result<Vec<u8>> {
        self.answer(known, &[])
    }

    fn answer(&mut self, version: &VersionVector, _: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
        if self.0.oplog_vv() == *version {
            return Ok(Vec::new());
        }
        Ok(self.0.export(ExportMode::updates(version))?)
    }

    fn take(&mut self, update: &[u8]) -> anyhow::Result<()> {
        let status = self.0.import(update)?;
        match status.pending {
            None => Ok(()),
            Some(_) => bail!("an update lacks what it builds on"),
        }
    }

    fn tree(&self) -> anyhow::Result<Tree> {
        tree(&self.0.get_deep_value())
    }

    fn save(&mut self) -> anyhow::Result<Vec<Saved>> {
        let frontiers = self.0.oplog_frontiers();
        let updates = ExportMode::all_updates();
        let shallow = ExportMode::shallow_snapshot(&frontiers);
        [
            ("snapshot", ExportMode::Snapshot),
            ("updates", updates),
            ("shallow", shallow),
        ]
        .into_iter()
        .map(|(variant, mode)| {
            Ok(Saved {
                variant,
                bytes: self.0.export(mode)?,
            })
        })
        .collect()
    }

    fn open_and_read(saved: &Saved) -> anyhow::Result<usize> {
        let doc = LoroDoc::new();
        doc.import(&saved.bytes)?;
        Ok(count(&doc.get_deep_value()))
    }
}

fn count(value: &LoroValue) -> usize {
    match value {
        LoroValue::Map(map) => map.values().map(count).sum(),
        LoroValue::List(list) => list.iter().map(count).sum(),
        _ => 1,
    }
}

fn tree(value: &LoroValue) -> anyhow::Result<Tree> {
    Ok(match value {
        LoroValue::Map(map) => Tree::Map(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), tree(value)?)))
                .collect::<anyhow::Result<_>>()?,
        ),
        LoroValue::List(list) => Tree::List(list.iter().map(tree).collect::<anyhow::Result<_>>()?),
        LoroValue::I64(int) => Tree::Scalar(Scalar::Int(*int)),
        LoroValue::String(text) => Tree::Scalar(Scalar::Text(text.to_string())),
        LoroValue::Bool(true) => Tree::Scalar(Scalar::Set),
        other => bail!("unexpected {}", other.to_json()),
    })
}
