//! yrs: each commit's own update in encoding 2, merged and relayed by the hub; the state vector as the
//! version that travels. A diff against a state vector carries every deletion of the document each time, so
//! relaying is its best case.

use anyhow::{Context as _, bail};
use yrs::{
    Any, Array as _, ArrayRef, Doc, Map as _, MapPrelim, MapRef, Out, ReadTxn as _, StateVector,
    Transact as _, Update, WriteTxn as _,
    any::Number,
    merge_updates_v2,
    types::ToJson as _,
    updates::{decoder::Decode as _, encoder::Encode as _},
};

use crate::{
    replica::{Replica, Saved, Scalar},
    tree::{LISTS, MAPS, Path, STEP_LISTS, STEP_MAPS, Tree},
};

/// A write that waits for the commit.
enum Write {
    Put(String, Option<String>, String, Scalar),
    Remove(String, Option<String>, String),
    SetAt(String, usize, Scalar),
    Push(String, Scalar),
}

pub(crate) struct YrsPeer {
    doc: Doc,
    waiting: Vec<Write>,
    /// What was committed and not handed in.
    updates: Vec<Vec<u8>>,
}

fn value(scalar: &Scalar) -> Any {
    match scalar {
        Scalar::Int(int) => Any::from(*int),
        Scalar::Text(text) => Any::from(text.as_str()),
        Scalar::Set => Any::Bool(true),
    }
}

impl Replica for YrsPeer {
    const NAME: &'static str = "yrs";
    type Version = StateVector;

    fn new(writer: u8) -> anyhow::Result<Self> {
        // As random as the 32 bits that other libraries of this family draw.
        let doc = Doc::with_client_id(u64::from(
            0x9e37_79b9_u32.wrapping_mul(u32::from(writer) + 1),
        ));
        for name in MAPS.iter().chain(STEP_MAPS) {
            doc.get_or_insert_map(*name);
        }
        for name in LISTS.iter().chain(STEP_LISTS) {
            doc.get_or_insert_array(*name);
        }
        Ok(Self {
            doc,
            waiting: Vec::new(),
            updates: Vec::new(),
        })
    }

    fn put(&mut self, path: Path<'_>, key: &str, scalar: &Scalar) -> anyhow::Result<()> {
        let inner = path.inner.map(str::to_owned);
        self.waiting.push(Write::Put(
            path.root.to_owned(),
            inner,
            key.to_owned(),
            scalar.clone(),
        ));
        Ok(())
    }

    fn remove(&mut self, path: Path<'_>, key: &str) -> anyhow::Result<()> {
        let inner = path.inner.map(str::to_owned);
        self.waiting
            .push(Write::Remove(path.root.to_owned(), inner, key.to_owned()));
        Ok(())
    }

    fn set_at(&mut self, list: &str, index: usize, scalar: &Scalar) -> anyhow::Result<()> {
        self.waiting
            .push(Write::SetAt(list.to_owned(), index, scalar.clone()));
        Ok(())
    }

    fn push(&mut self, list: &str, scalar: &Scalar) -> anyhow::Result<()> {
        self.waiting
            .push(Write::Push(list.to_owned(), scalar.clone()));
        Ok(())
    }

    fn commit(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut transaction = self.doc.transact_mut();
        for write in self.waiting.drain(..) {
            apply(&mut transaction, write);
        }
        transaction.commit();
        self.updates.push(transaction.encode_update_v2());
    }

    fn version(&mut self) -> StateVector {
        self.doc.transact().state_vector()
    }

    fn encode_version(&mut self) -> Vec<u8> {
        self.version().encode_v1()
    }

    fn hand_in(&mut self, _: &StateVector) -> anyhow::Result<Vec<u8>> {
        merge(std::mem::take(&mut self.updates))
    }

    fn answer(&mut self, _: &StateVector, relayed: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
        merge(relayed.to_vec())
    }

    fn take(&mut self, update: &[u8]) -> anyhow::Result<()> {
        let mut transaction = self.doc.transact_mut();
        transaction.apply_update(Update::decode_v2(update)?)?;
        if transaction.has_missing_updates() {
            bail!("an update lacks what it builds on");
        }
        Ok(())
    }

    fn tree(&self) -> anyhow::Result<Tree> {
        tree(&self.doc.to_json(&self.doc.transact()))
    }

    fn save(&mut self) -> anyhow::Result<Vec<Saved>> {
        let transaction = self.doc.transact();
        let all = StateVector::default();
        Ok(vec![
            Saved {
                variant: "v2",
                bytes: transaction.encode_state_as_update_v2(&all),
            },
            Saved {
                variant: "v1",
                bytes: transaction.encode_state_as_update_v1(&all),
            },
        ])
    }

    fn open_and_read(saved: &Saved) -> anyhow::Result<usize> {
        let doc = Doc::new();
        for name in MAPS.iter().chain(STEP_MAPS) {
            doc.get_or_insert_map(*name);
        }
        for name in LISTS.iter().chain(STEP_LISTS) {
            doc.get_or_insert_array(*name);
        }
        let update = match saved.variant {
            "v2" => Update::decode_v2(&saved.bytes)?,
            _ => Update::decode_v1(&saved.bytes)?,
        };
        doc.transact_mut().apply_update(update)?;
        let content = doc.to_json(&doc.transact());
        Ok(count(&content))
    }
}

fn merge(mut updates: Vec<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    if updates.len() <= 1 {
        return Ok(updates.pop().unwrap_or_default());
    }
    Ok(merge_updates_v2(updates)?)
}

fn apply(transaction: &mut yrs::TransactionMut<'_>, write: Write) {
    match write {
        Write::Put(root, inner, key, scalar) => {
            let map = map(transaction, root, inner);
            map.insert(transaction, key, value(&scalar));
        }
        Write::Remove(root, inner, key) => {
            let map = map(transaction, root, inner);
            map.remove(transaction, &key);
        }
        Write::SetAt(list, index, scalar) => {
            let list: ArrayRef = transaction.get_or_insert_array(list);
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if index < list.len(transaction) {
                list.remove(transaction, index);
            }
            list.insert(transaction, index, value(&scalar));
        }
        Write::Push(list, scalar) => {
            let list: ArrayRef = transaction.get_or_insert_array(list);
            list.push_back(transaction, value(&scalar));
        }
    }
}

fn map(transaction: &mut yrs::TransactionMut<'_>, root: String, inner: Option<String>) -> MapRef {
    let root = transaction.get_or_insert_map(root);
    let Some(inner) = inner else {
        return root;
    };
    match root.get(transaction, &inner) {
        Some(Out::YMap(map)) => map,
        _ => root.insert(transaction, inner, MapPrelim::default()),
    }
}

fn count(value: &Any) -> usize {
    match value {
        Any::Map(map) => map.values().map(count).sum(),
        Any::Array(list) => list.iter().map(count).sum(),
        _ => 1,
    }
}

fn tree(value: &Any) -> anyhow::Result<Tree> {
    Ok(match value {
        Any::Map(map) => Tree::Map(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), tree(value)?)))
                .collect::<anyhow::Result<_>>()?,
        ),
        Any::Array(list) => Tree::List(list.iter().map(tree).collect::<anyhow::Result<_>>()?),
        Any::String(text) => Tree::Scalar(Scalar::Text(text.to_string())),
        Any::Bool(true) => Tree::Scalar(Scalar::Set),
        Any::Number(Number::Int(int)) => Tree::Scalar(Scalar::Int(*int)),
        Any::Number(Number::Float(float)) => Tree::Scalar(Scalar::Int(whole(*float)?)),
        other => bail!("unexpected {other}"),
    })
}

/// Numbers of more than 32 bits are floats in this library.
fn whole(float: f64) -> anyhow::Result<i64> {
    format!("{float:.0}").parse().context("no whole number")
}
