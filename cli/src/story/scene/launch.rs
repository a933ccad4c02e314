//! The organiser launches the challenge.

use super::Stage;
use crate::story::catalog::CHALLENGE;

/// Tells how many phones hold the catalog that was just published.
pub(crate) fn launch(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let version = stage.world.catalog.version();
    let phones = stage
        .world
        .people
        .iter()
        .filter(|person| {
            let [phone, _] = &person.devices;
            let knows = phone
                .client
                .progress()
                .iter()
                .any(|progress| progress.goal == CHALLENGE);
            phone.client.catalog_version() == Some(version) && knows
        })
        .count();
    let text = &stage.telling.text;
    let line = text.story.launch.with(&[
        ("challenge", &text.catalog.challenge.name),
        ("phones", &phones),
    ]);
    stage.telling.happens(stage.world.clock.now(), &line)?;
    Ok(())
}
