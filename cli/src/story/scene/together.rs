//! The challenge: everyone's steps and visits in one sum.

use super::Stage;
use crate::story::{catalog::CHALLENGE, organiser::ChallengeTotal, telling::grouped};

/// Tells when the total has reached its target; whether it has.
pub(crate) async fn reached_together(stage: &mut Stage<'_>) -> anyhow::Result<bool> {
    let challenge = stage.world.organiser.challenge(CHALLENGE).await?;
    let reached = challenge
        .total
        .is_some_and(|total| total >= challenge.target);
    if reached {
        let sentence = stage.telling.text.story.together.clone();
        tell(stage, &sentence, challenge)?;
    }
    Ok(reached)
}

/// Tells how far everyone came, when that is not all the way.
pub(crate) async fn not_together(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let challenge = stage.world.organiser.challenge(CHALLENGE).await?;
    let sentence = stage.telling.text.story.not_together.clone();
    tell(stage, &sentence, challenge)
}

fn tell(
    stage: &mut Stage<'_>,
    sentence: &crate::story::text::Sentence,
    challenge: ChallengeTotal,
) -> anyhow::Result<()> {
    let text = &stage.telling.text;
    let total = challenge
        .total
        .map_or_else(|| text.story.none.plain().to_owned(), grouped);
    let line = sentence.with(&[
        ("challenge", &text.catalog.challenge.name),
        ("total", &total),
        ("target", &grouped(challenge.target)),
    ]);
    stage.telling.happens(stage.world.clock.now(), &line)?;
    Ok(())
}
