//! `askel admin invite`: the first invitations. Devices that use them are active at once.

use std::io::{self, Write as _};

use anyhow::Context as _;
use askel_server::{
    boot,
    clock::{Clock as _, SystemClock},
    credential_file::Credentials,
    entropy::SystemEntropy,
    operator::{OperatorInvitation, invite},
};
use askel_sync::{
    admission::Role,
    id::{PlaceId, TenantId},
    time::HOUR_MS,
};

use super::{ConfigArguments, parse_tenant};

/// The flags of `askel admin invite`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// What the invited device is for.
    #[arg(long, value_enum)]
    role: InvitedRole,
    /// A place's number in the catalog, for staff and volunteers; may be repeated [default: all
    /// places].
    #[arg(long = "place", value_name = "NUMBER")]
    places: Vec<u32>,
    /// How long the invitation is good [default: 168 for participants, 24 for others].
    #[arg(long, value_name = "HOURS")]
    valid_hours: Option<u32>,
    /// What the link tells devices to connect to [default: `server.public_url`].
    #[arg(long, value_name = "URL")]
    server_url: Option<String>,
    /// Which tenant, when the store has several: 32 hexadecimal digits.
    #[arg(long, value_name = "TENANT", value_parser = parse_tenant)]
    tenant: Option<TenantId>,
}

/// A role as typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InvitedRole {
    Participant,
    Volunteer,
    Staff,
    Organiser,
    Admin,
}

impl InvitedRole {
    fn role(self) -> Role {
        match self {
            Self::Participant => Role::Participant,
            Self::Volunteer => Role::Volunteer,
            Self::Staff => Role::Staff,
            Self::Organiser => Role::Organiser,
            Self::Admin => Role::Admin,
        }
    }
}

/// Makes an invitation and prints it; its code is kept nowhere.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let store = boot::open_store(&config.store).await?;
    let tenants = store.list_tenants().await?;
    let tenant = match (arguments.tenant, &*tenants) {
        (Some(tenant), _) => tenant,
        (None, [only]) => only.id,
        (None, []) => anyhow::bail!("there is no tenant yet: run `askel admin init` first"),
        (None, _) => anyhow::bail!("the store has several tenants: name one with --tenant"),
    };
    let credentials = Credentials::load(&config.store.credential_path())?;
    let keys = credentials
        .get(tenant)
        .context("the server's key file lacks this tenant")?;
    let wanted = OperatorInvitation {
        role: arguments.role.role(),
        scope: (!arguments.places.is_empty())
            .then(|| arguments.places.iter().copied().map(PlaceId::new).collect()),
        valid_for_ms: arguments
            .valid_hours
            .map(|hours| i64::from(hours).saturating_mul(HOUR_MS)),
        public_url: arguments.server_url.unwrap_or(config.server.public_url),
    };
    let now = SystemClock::start().now();
    let invited = invite(&*store, &SystemEntropy, now, (tenant, keys), &wanted).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "code {}", invited.code)?;
    writeln!(out, "link {}", invited.link)?;
    Ok(())
}
