//! Paper cards: a participant without a device.

use askel_proto::v1;
use askel_store::{AuditAction, PassRecord};
use askel_sync::{
    id::{ParticipantId, PassTag},
    pass,
};
use data_encoding::HEXLOWER;

use super::{App, AppError, Caller};

/// A card to print.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Card {
    pub(crate) pass: v1::SignedPass,
    pub(crate) text: String,
}

/// Registers a participant with a card; the same request again gives the same card.
pub(crate) async fn create_card(
    app: &App,
    caller: &Caller,
    request_id: [u8; 16],
) -> Result<Card, AppError> {
    let drawn = PassRecord::good(
        PassTag::from_bytes(app.draw()?),
        ParticipantId::from_bytes(app.draw()?),
    );
    let name = format!("cards/{}", HEXLOWER.encode(&request_id));
    let audit = app.audit(caller, AuditAction::CardCreated, name);
    let card = app
        .store()
        .record_card(caller.tenant, request_id, drawn, &audit)
        .await?;
    let keys = app.keys(caller.tenant)?;
    let form = v1::PassForm::Card;
    let pass = pass::issue(card.pass, form, caller.tenant, &keys.pass_issuer);
    Ok(Card {
        text: pass::to_text(&pass),
        pass,
    })
}
