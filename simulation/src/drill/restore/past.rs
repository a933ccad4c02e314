//! What happened between backup and restore and must stay so: somebody was erased, a phone revoked,
//! an invitation used. And a scanner that never comes back: what it saw, others hold.

use askel_client_sdk::{Client, ComeBack, OpId, ParticipantId};
use askel_proto::v1;
use askel_store::{ErasureStore as _, OpStore as _, Tombstone};
use askel_sync::{
    admission::Role,
    id::PassTag,
    op::{OpKind, Payload, Witness},
    pass,
    stream::StreamKey,
};
use prost::Message as _;

use crate::{
    device::Device,
    oracle::Look,
    world::{BUDGET, World},
};

/// Who it happened to.
pub(super) struct Past {
    /// A second phone of the first person, revoked after the backup.
    revoked: Device,
    /// An invitation's link, used after the backup.
    used: String,
    /// Whoever uses it.
    newcomer: Device,
    /// The phone of someone who has themself erased after the backup.
    leaver: usize,
    who: ParticipantId,
}

impl Past {
    /// What the backup knows of it.
    pub(super) async fn before_the_backup(world: &mut World) -> Self {
        let first = world.devices[&0].client.clone().expect("open");
        let mut revoked = world.new_device(10_000);
        let client = revoked.open().expect("an empty disk");
        let key = client.device_public_key();
        let approved = first.approve_device(&key, None).await;
        approved.expect("approved");
        let link = world.host.invite(Role::Participant).await;
        let enrolled = client.come_back(ComeBack::Approved(link)).await;
        enrolled.expect("enrolled");
        client.sync(BUDGET).await.expect("a calm day");
        let used = world.host.invite(Role::Participant).await;
        let mut newcomer = world.new_device(10_001);
        newcomer.open().expect("an empty disk");
        let leaver = world.cast.phones() - 1;
        let owner = world.cast.owner(leaver).expect("a phone");
        Self {
            revoked,
            used,
            newcomer,
            leaver,
            who: world.people[&owner],
        }
    }

    /// What the backup does not know.
    pub(super) async fn after_the_backup(&self, world: &World) {
        let first = world.devices[&0].client.clone().expect("open");
        let revoked = self.revoked.client.as_ref().expect("open");
        let device = revoked.enrolled().expect("enrolled").device;
        first.revoke_own_device(device).await.expect("revoked");
        let newcomer = self.newcomer.client.as_ref().expect("open");
        let enrolled = newcomer.enrol(&self.used).await;
        enrolled.expect("a good invitation");
    }

    /// The leaver leaves, and a scanner breaks. Returns what only others hold of what it saw.
    pub(super) async fn before_the_restore(&self, world: &mut World) -> Vec<OpId> {
        let leaver = world.devices[&self.leaver].client.clone().expect("open");
        let left = pass_of(&leaver);
        leaver.erase_me().expect("asked");
        leaver.sync(BUDGET).await.expect("a calm day");
        let owner = world.cast.owner(self.leaver).expect("a phone");
        world.people.remove(&owner);
        gone(world, self.leaver);
        let scanner = world.cast.devices() - 1;
        let client = world.devices[&scanner].client.clone().expect("open");
        let seen = client.seen_ops().into_iter().filter(|seen| {
            let pass = match seen.op.parse() {
                Ok(Some(Payload::CheckIn(check_in))) => match check_in.witness {
                    Witness::PassScan(pass) => Some(pass),
                    _ => None,
                },
                _ => None,
            };
            pass.is_some_and(|pass| pass != left)
        });
        let seen = seen.map(|seen| seen.id).collect();
        gone(world, scanner);
        seen
    }

    /// That it is still so.
    pub(super) async fn check(&self, world: &mut World, lost: &[OpId]) {
        let (store, tenant) = (world.host.store(), world.host.tenant.id);
        let revoked = self.revoked.client.as_ref().expect("open");
        if revoked.sync(BUDGET).await.is_ok() {
            world.oracle.violation("a revoked phone syncs".to_owned());
        }
        let other = world.new_device(10_002).open().expect("an empty disk");
        if other.enrol(&self.used).await.is_ok() {
            let what = "an invitation is used twice";
            world.oracle.violation(what.to_owned());
        }
        let newcomer = self.newcomer.client.as_ref().expect("open");
        if newcomer.sync(BUDGET).await.is_err() {
            let what = "who came in after the backup is unknown";
            world.oracle.violation(what.to_owned());
        }
        let names = [Tombstone::from(self.who)];
        let erased = store.lookup_erased(tenant, &names);
        if erased.await.expect("memory").is_empty() {
            world.oracle.violation("an erasure is undone".to_owned());
        }
        let key = StreamKey::Participant(self.who);
        let left = store.read_stream(tenant, key, 0, 1).await;
        if !left.expect("memory").is_empty() {
            let what = "something of the erased is back";
            world.oracle.violation(what.to_owned());
        }
        let back = store.lookup_ops(tenant, lost).await.expect("memory");
        let check_ins = back
            .iter()
            .filter(|admitted| admitted.op.kind == OpKind::CheckIn as u32);
        if lost.is_empty() || check_ins.count() != lost.len() {
            let what = format!(
                "of {} scans of a scanner that is gone {} are back",
                lost.len(),
                back.len()
            );
            world.oracle.violation(what);
        }
    }
}

fn pass_of(client: &Client) -> PassTag {
    let text = client.pass().expect("a pass");
    let signed = pass::from_text(&text).expect("a pass");
    let pass = v1::Pass::decode(&*signed.pass).expect("a pass");
    PassTag::try_from(&*pass.tag).expect("a tag")
}

/// A device is no more.
fn gone(world: &mut World, device: usize) {
    world.devices.remove(&device);
    world.oracle.look(device, Vec::new(), Look::PutBack);
}
