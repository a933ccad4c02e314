//! A participant's profile: one register a field; the highest revision holds, then the latest
//! corrected time.

use crdts::LWWReg;

use crate::{
    id::OpId,
    op::{Alias, ProfileField},
    time::Timestamp,
};

/// Which revision of a field, when it was set, corrected, and by which op.
pub(super) type Marker = (u32, Timestamp, OpId);

/// The profile as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The alias.
    pub alias: Option<Alias>,
    /// One of the fixed set of drawings.
    pub picture: Option<u32>,
    /// One of [`crate::op::LANGUAGES`].
    pub language: Option<String>,
}

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ProfileRegisters {
    pub alias: Option<LWWReg<Alias, Marker>>,
    pub picture: Option<LWWReg<u32, Marker>>,
    pub language: Option<LWWReg<String, Marker>>,
}

impl ProfileRegisters {
    /// Returns whether the profile changed.
    pub(super) fn set(&mut self, field: ProfileField, marker: Marker) -> bool {
        let before = self.profile();
        match field {
            ProfileField::Alias(alias) => set(&mut self.alias, alias, marker),
            ProfileField::Picture(picture) => set(&mut self.picture, picture, marker),
            ProfileField::Language(language) => set(&mut self.language, language, marker),
        }
        before != self.profile()
    }

    pub(super) fn language(&self) -> Option<&str> {
        self.language.as_ref().map(|register| &*register.val)
    }

    pub(super) fn profile(&self) -> Profile {
        Profile {
            alias: self.alias.as_ref().map(|register| register.val),
            picture: self.picture.as_ref().map(|register| register.val),
            language: self.language.as_ref().map(|register| register.val.clone()),
        }
    }
}

fn set<V: PartialEq>(register: &mut Option<LWWReg<V, Marker>>, val: V, marker: Marker) {
    match register {
        Some(register) => register.update(val, marker),
        None => *register = Some(LWWReg { val, marker }),
    }
}
