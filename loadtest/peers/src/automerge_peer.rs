//! automerge: changes since known heads, heads as the version that travels, compressed saves.
//! Its sync protocol, with Bloom filters, costs more than telling the heads, so that is its best case.

use std::collections::HashMap;

use anyhow::{Context as _, bail};
use automerge::{
    ActorId, AutoCommit, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, hydrate,
    transaction::{CommitOptions, Transactable as _},
};

use crate::{
    replica::{Replica, Saved, Scalar},
    tree::{LISTS, MAPS, Path, STEP_LISTS, STEP_MAPS, Tree},
};

pub(crate) struct AutomergePeer {
    doc: AutoCommit,
    roots: HashMap<String, ObjId>,
}

impl AutomergePeer {
    fn root(&self, name: &str) -> anyhow::Result<ObjId> {
        self.roots
            .get(name)
            .cloned()
            .with_context(|| name.to_owned())
    }

    fn map(&mut self, path: Path<'_>) -> anyhow::Result<ObjId> {
        let root = self.root(path.root)?;
        let Some(inner) = path.inner else {
            return Ok(root);
        };
        match self.doc.get(&root, inner)? {
            Some((_, inner)) => Ok(inner),
            None => Ok(self.doc.put_object(&root, inner, ObjType::Map)?),
        }
    }
}

fn value(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Int(int) => ScalarValue::Uint(u64::try_from(*int).unwrap_or(0)),
        Scalar::Text(text) => ScalarValue::Str(text.as_str().into()),
        Scalar::Set => ScalarValue::Boolean(true),
    }
}

impl Replica for AutomergePeer {
    const NAME: &'static str = "automerge";
    type Version = Vec<ChangeHash>;

    fn new(writer: u8) -> anyhow::Result<Self> {
        // Every device begins with the same change, so that all mean the same maps and lists.
        let mut doc = AutoCommit::new().with_actor(ActorId::from([0; 16]));
        let mut roots = HashMap::new();
        for (names, kind) in [
            (MAPS, ObjType::Map),
            (STEP_MAPS, ObjType::Map),
            (LISTS, ObjType::List),
            (STEP_LISTS, ObjType::List),
        ] {
            for name in names {
                roots.insert((*name).to_owned(), doc.put_object(ROOT, *name, kind)?);
            }
        }
        doc.commit_with(CommitOptions::default().with_time(0));
        // As random as the actors that the library draws.
        let mut actor = [0; 16];
        for (byte, place) in actor.iter_mut().zip(1_u8..) {
            *byte = place.wrapping_mul(writer.wrapping_mul(53).wrapping_add(101)) ^ writer;
        }
        doc.set_actor(ActorId::from(actor));
        Ok(Self { doc, roots })
    }

    fn put(&mut self, path: Path<'_>, key: &str, scalar: &Scalar) -> anyhow::Result<()> {
        let map = self.map(path)?;
        Ok(self.doc.put(&map, key, value(scalar))?)
    }

    fn remove(&mut self, path: Path<'_>, key: &str) -> anyhow::Result<()> {
        let map = self.map(path)?;
        Ok(self.doc.delete(&map, key)?)
    }

    fn set_at(&mut self, list: &str, index: usize, scalar: &Scalar) -> anyhow::Result<()> {
        let list = self.root(list)?;
        if index < self.doc.length(&list) {
            return Ok(self.doc.put(&list, index, value(scalar))?);
        }
        Ok(self.doc.insert(&list, index, value(scalar))?)
    }

    fn push(&mut self, list: &str, scalar: &Scalar) -> anyhow::Result<()> {
        let list = self.root(list)?;
        let end = self.doc.length(&list);
        Ok(self.doc.insert(&list, end, value(scalar))?)
    }

    fn commit(&mut self) {
        self.doc.commit_with(CommitOptions::default().with_time(0));
    }

    fn version(&mut self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    fn encode_version(&mut self) -> Vec<u8> {
        let heads = self.doc.get_heads();
        heads.iter().flat_map(|head| head.0).collect()
    }

    fn hand_in(&mut self, known: &Vec<ChangeHash>) -> anyhow::Result<Vec<u8>> {
        self.answer(known, &[])
    }

    fn answer(&mut self, version: &Vec<ChangeHash>, _: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
        Ok(self.doc.save_after(version))
    }

    fn take(&mut self, update: &[u8]) -> anyhow::Result<()> {
        self.doc.load_incremental(update)?;
        if self.doc.get_missing_deps(&[]).is_empty() {
            return Ok(());
        }
        bail!("an update lacks what it builds on")
    }

    fn tree(&self) -> anyhow::Result<Tree> {
        tree(&self.doc.hydrate(ROOT, None)?)
    }

    fn save(&mut self) -> anyhow::Result<Vec<Saved>> {
        let bytes = self.doc.save();
        Ok(vec![Saved {
            variant: "save",
            bytes,
        }])
    }

    fn open_and_read(saved: &Saved) -> anyhow::Result<usize> {
        let doc = AutoCommit::load(&saved.bytes)?;
        Ok(count(&doc.hydrate(ROOT, None)?))
    }
}

fn count(value: &hydrate::Value) -> usize {
    match value {
        hydrate::Value::Map(map) => map.iter().map(|(_, value)| count(&value.value)).sum(),
        hydrate::Value::List(list) => list.iter().map(|value| count(&value.value)).sum(),
        _ => 1,
    }
}

fn tree(value: &hydrate::Value) -> anyhow::Result<Tree> {
    Ok(match value {
        hydrate::Value::Map(map) => Tree::Map(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), tree(&value.value)?)))
                .collect::<anyhow::Result<_>>()?,
        ),
        hydrate::Value::List(list) => Tree::List(
            list.iter()
                .map(|value| tree(&value.value))
                .collect::<anyhow::Result<_>>()?,
        ),
        hydrate::Value::Scalar(ScalarValue::Uint(int)) => {
            Tree::Scalar(Scalar::Int(i64::try_from(*int)?))
        }
        hydrate::Value::Scalar(ScalarValue::Str(text)) => {
            Tree::Scalar(Scalar::Text(text.to_string()))
        }
        hydrate::Value::Scalar(ScalarValue::Boolean(true)) => Tree::Scalar(Scalar::Set),
        other => bail!("unexpected {other:?}"),
    })
}
