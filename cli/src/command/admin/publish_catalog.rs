//! `askel admin publish-catalog`: what people see of places, hours and goals, from a file that people
//! write. docs/catalog.md says how.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use askel_proto::{DESCRIPTOR_SET, v1};
use askel_server::{
    boot,
    clock::{Clock as _, SystemClock},
    operator::{Published, publish},
};
use askel_sync::{
    catalog::{self, Catalog},
    id::TenantId,
};
use jiff::{Timestamp, tz::TimeZoneDatabase};
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::{ConfigArguments, init::read_key};

/// The flags of `askel admin publish-catalog`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The catalog, as JSON.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The organiser's catalog.key, which says whose catalog it is [default: in `offline-keys` in the
    /// data folder].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Say what is wrong with the catalog, and publish nothing.
    #[arg(long)]
    check: bool,
}

/// Of a zone that the file only names, offsets from and until these times are told: 2020 and 2045.
const ZONES_FROM_S: i64 = 1_577_836_800;
const ZONES_UNTIL_S: i64 = 2_366_841_600;

/// Checks, signs and publishes. The same catalog again changes nothing.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let offline = || config.store.data_dir.join("offline-keys");
    let key = arguments
        .key
        .unwrap_or_else(|| offline().join("catalog.key"));
    let (tenant, key) = read_key(&key, "catalog")?;
    let written = read(&arguments.file, tenant)?;
    let store = boot::open_store(&config.store).await?;
    let newest = store.lookup_catalog(tenant, None).await?;
    let newest = newest.map_or(0, |newest| newest.version);
    // The newest once more, if it is the same: its bytes say so.
    let (mut version, mut content) = (newest, numbered(&written, newest));
    let stands = match store.lookup_catalog(tenant, Some(newest)).await? {
        Some(standing) => standing.content == content,
        None => false,
    };
    if !stands {
        version = newest.saturating_add(1);
        content = numbered(&written, version);
    }
    let good = Catalog::parse(&content).context("the catalog is not good")?;
    let what = format!(
        "catalog {version}: {} places, {} goals",
        good.places().len(),
        good.goals().len()
    );
    let done = if stands {
        "stands already"
    } else if arguments.check {
        "is good, and not published"
    } else {
        let signature = catalog::sign(&content, tenant, &key);
        let now = SystemClock::start().now();
        let published = publish(&*store, now, tenant, Published { content, signature });
        published.await?;
        "is published"
    };
    writeln!(io::stdout().lock(), "{what}; it {done}")?;
    Ok(())
}

fn numbered(catalog: &v1::Catalog, version: u32) -> Vec<u8> {
    let mut catalog = catalog.clone();
    catalog.version = version;
    catalog::encode(&catalog)
}

/// The file as the message `askel.v1.Catalog`, of this tenant, with the offsets of zones that it only
/// names.
fn read(file: &Path, tenant: TenantId) -> anyhow::Result<v1::Catalog> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("{} can't be read", file.display()))?;
    let catalog = parse(&text).with_context(|| format!("{} is no catalog", file.display()))?;
    anyhow::ensure!(
        catalog.version == 0 && catalog.tenant_id.is_empty(),
        "version and tenant are filled in, and do not belong into {}",
        file.display()
    );
    let mut catalog = v1::Catalog {
        tenant_id: tenant.to_vec(),
        ..catalog
    };
    let only_named =
        |zone: &&mut v1::TimeZone| zone.transitions.is_empty() && zone.first_offset_minutes == 0;
    for zone in catalog.time_zones.iter_mut().filter(only_named) {
        fill_in(zone)?;
    }
    Ok(catalog)
}

fn parse(text: &str) -> anyhow::Result<v1::Catalog> {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET)?;
    let message = pool
        .get_message_by_name("askel.v1.Catalog")
        .context("this version has no catalogs")?;
    let mut json = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(message, &mut json)?;
    json.end()?;
    Ok(message.transcode_to()?)
}

/// What the bundled zone database knows.
fn fill_in(zone: &mut v1::TimeZone) -> anyhow::Result<()> {
    let name = &zone.name;
    let known = TimeZoneDatabase::bundled().get(name);
    let known = known.with_context(|| format!("time zone {}: {name:?} is not known", zone.id))?;
    let (from, until) = (
        Timestamp::from_second(ZONES_FROM_S)?,
        Timestamp::from_second(ZONES_UNTIL_S)?,
    );
    let minutes = |offset: jiff::tz::Offset| offset.seconds().div_euclid(60);
    zone.first_offset_minutes = minutes(known.to_offset(from));
    zone.transitions = known
        .following(from)
        .take_while(|transition| transition.timestamp() < until)
        .map(|transition| v1::Transition {
            at_s: transition.timestamp().as_second(),
            offset_minutes: minutes(transition.offset()),
        })
        .collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);

    fn written(text: &str) -> anyhow::Result<v1::Catalog> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.json");
        fs::write(&file, text).unwrap();
        read(&file, TENANT)
    }

    #[test]
    fn the_example_is_a_catalog() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalog.example.json");
        let example = read(Path::new(example), TENANT).unwrap();
        let good = Catalog::parse(&numbered(&example, 1)).unwrap();
        assert_eq!(good.places().len(), 2);
        assert_eq!(good.goals().len(), 3);
    }

    #[test]
    fn a_zone_that_is_only_named_gets_its_offsets() {
        let zone = |text: &str| {
            let read = written(&format!("{{\"timeZones\": [{text}]}}"))?;
            anyhow::Ok(read.time_zones.into_iter().next().unwrap())
        };
        let helsinki = zone("{\"id\": 1, \"name\": \"Europe/Helsinki\"}").unwrap();
        assert_eq!(helsinki.first_offset_minutes, 120);
        // Summer and winter of twenty-five years.
        assert_eq!(helsinki.transitions.len(), 50);
        assert_eq!(helsinki.transitions[0].offset_minutes, 180);
        let told = zone("{\"id\": 1, \"name\": \"Here\", \"firstOffsetMinutes\": 60}").unwrap();
        assert_eq!((told.first_offset_minutes, told.transitions.len()), (60, 0));
        let unknown = zone("{\"id\": 1, \"name\": \"Europe/Oulu\"}").unwrap_err();
        assert!(unknown.to_string().contains("Europe/Oulu"), "{unknown}");
    }

    #[test]
    fn what_does_not_belong_into_the_file_is_said() {
        let fault = |text: &str| format!("{:#}", written(text).unwrap_err());
        assert!(fault("{\"places\": [{\"id\": 1, \"nmae\": {}}]}").contains("nmae"));
        assert!(fault("{\"version\": 3}").contains("filled in"));
        assert!(fault("{} {}").contains("no catalog"));
        assert!(fault("[").contains("no catalog"));
    }
}
