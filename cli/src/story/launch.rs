//! The first morning: tenant keys, the server, the catalog, tablets, phones and the card.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use askel_client_sdk::{Client, ComeBack, Entropy as _, SystemEntropy};
use askel_sync::{
    admission::Role,
    catalog::{self, Catalog},
    id::{ParticipantId, PlaceId, StepSourceId},
    op::Alias,
    time::Timestamp,
};
use tokio::task::JoinSet;

use super::{
    catalog::{PLACES, SeasonDates},
    clock::StoryClock,
    delivery::Plan,
    device::{self, Device},
    founding::{self, Founded},
    helsinki::Helsinki,
    home::Home,
    ledger::Ledger,
    organiser::Organiser,
    schedule::tablets_at,
    server_process::ServerProcess,
    text::Language,
    world::{Counted, Network, Person, Truth, World},
};

/// People enrolled at a time.
const TOGETHER: usize = 8;
/// Drawings of the app's set that people choose from.
const PICTURES: usize = 40;

/// Where and when the story begins.
pub(crate) struct Launch {
    pub(crate) home: Home,
    pub(crate) helsinki: Helsinki,
    pub(crate) season: SeasonDates,
    pub(crate) now: Timestamp,
    pub(crate) language: Language,
}

/// A walker to be enrolled.
#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    pub(crate) alias: Alias,
    pub(crate) plans: [Plan; 2],
}

/// The world on its first morning.
pub(crate) struct Launched {
    pub(crate) world: World,
    /// Any link of the tenant, as a used invitation in a drawer.
    pub(crate) link: String,
}

impl Launch {
    /// Starts everything; when it returns, every device has the catalog.
    pub(crate) async fn start(self, newcomers: Vec<Newcomer>) -> anyhow::Result<Launched> {
        let clock = Arc::new(StoryClock::at(self.now));
        let founded = founding::found(&self.home, self.now).await?;
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = ServerProcess::start(&self.home, free, self.now).await?;
        let link = founded
            .invite(&self.home, server.address(), (Role::Organiser, self.now))
            .await?;
        let organiser = Organiser::enrol(link, Arc::clone(&clock)).await?;
        let catalog = self.publish(&founded, &organiser).await?;
        let tablets = self.enrol_tablets(&organiser, &clock).await?;
        let (people, link) = self.enrol_people(newcomers, &organiser, &clock).await?;
        let card = organiser.make_card().await?;
        let world = World {
            founded,
            home: self.home,
            helsinki: self.helsinki,
            catalog,
            clock,
            server,
            organiser,
            people,
            tablets,
            card,
            truth: Truth::default(),
            counted: Counted::default(),
        };
        Ok(Launched { world, link })
    }

    async fn publish(
        &self,
        founded: &Founded,
        organiser: &Organiser,
    ) -> anyhow::Result<Arc<Catalog>> {
        let proto = super::catalog::build(founded.tenant, self.season, &self.helsinki)?;
        let content = catalog::encode(&proto);
        let parsed = Catalog::parse(&content)?;
        let signature = catalog::sign(&content, founded.tenant, &founded.catalog_key);
        let published = organiser.publish(content, signature).await?;
        if published.hash != parsed.hash() {
            bail!("the server published another catalog");
        }
        Ok(Arc::new(parsed))
    }

    async fn enrol_tablets(
        &self,
        organiser: &Organiser,
        clock: &Arc<StoryClock>,
    ) -> anyhow::Result<Vec<Client>> {
        let mut tablets = Vec::new();
        for place in PLACES {
            for tablet in tablets_at(place) {
                let client = device::open(&self.home, &format!("tablet-{tablet}"), clock)?;
                enrol_tablet(&client, place, organiser).await?;
                tablets.push(client);
            }
        }
        Ok(tablets)
    }

    /// The people in their order, and a link of the tenant.
    async fn enrol_people(
        &self,
        newcomers: Vec<Newcomer>,
        organiser: &Organiser,
        clock: &Arc<StoryClock>,
    ) -> anyhow::Result<(Vec<Person>, String)> {
        let mut people: Vec<Option<Person>> = newcomers.iter().map(|_| None).collect();
        let mut any_link = String::new();
        let mut open = newcomers.into_iter().enumerate().peekable();
        while open.peek().is_some() {
            let mut tasks = JoinSet::new();
            for (index, newcomer) in open.by_ref().take(TOGETHER) {
                let link = organiser.invite_participant().await?;
                any_link.clone_from(&link);
                let names = ["phone", "other"].map(|kind| format!("{index:03}-{kind}"));
                let [phone, other] = names.map(|name| device::open(&self.home, &name, clock));
                let clients = [phone?, other?];
                let arrival = Arrival {
                    index,
                    newcomer,
                    clients,
                    link,
                    language: self.language,
                };
                tasks.spawn(arrival.enrol());
            }
            while let Some(arrived) = tasks.join_next().await {
                let (index, person) = arrived??;
                if let Some(slot) = people.get_mut(index) {
                    *slot = Some(person);
                }
            }
        }
        let people: Option<Vec<Person>> = people.into_iter().collect();
        Ok((people.context("everyone's enrolment")?, any_link))
    }
}

async fn enrol_tablet(
    client: &Client,
    place: PlaceId,
    organiser: &Organiser,
) -> anyhow::Result<()> {
    let enrolled = client.enrol(&organiser.invite_tablet(place).await?).await?;
    organiser.approve(enrolled.device).await?;
    device::sync(client).await?;
    client.work_at(place)?;
    Ok(())
}

struct Arrival {
    index: usize,
    newcomer: Newcomer,
    clients: [Client; 2],
    link: String,
    language: Language,
}

impl Arrival {
    /// The phone by invitation, the other device by the phone's approval.
    async fn enrol(self) -> anyhow::Result<(usize, Person)> {
        let [phone, other] = &self.clients;
        let participant = phone
            .enrol(&self.link)
            .await?
            .participant
            .context("a participant")?;
        device::sync(phone).await?;
        phone.set_alias(self.newcomer.alias)?;
        phone.set_picture(u32::try_from(self.index.rem_euclid(PICTURES))?)?;
        phone.set_language(self.language.tag())?;
        phone
            .approve_device(&other.device_public_key(), None)
            .await?;
        other
            .come_back(ComeBack::Approved(self.link.clone()))
            .await?;
        device::sync(phone).await?;
        device::sync(other).await?;
        Ok((self.index, self.person(participant)?))
    }

    fn person(self, participant: ParticipantId) -> anyhow::Result<Person> {
        let [first, second] = self.clients;
        let [plan, other_plan] = self.newcomer.plans;
        let devices = [with_source(first, plan)?, with_source(second, other_plan)?];
        Ok(Person {
            participant,
            devices,
            network: Network::Reachable,
        })
    }
}

fn with_source(client: Client, plan: Plan) -> anyhow::Result<Device> {
    let mut id = [0; 16];
    SystemEntropy.fill(&mut id)?;
    Ok(Device {
        client,
        source: StepSourceId::from_bytes(id),
        waiting: VecDeque::from(plan.chunks),
        ledger: Ledger::default(),
    })
}
