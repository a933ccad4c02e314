//! Who wants to be woken.

use askel_client_sdk::{Advice, Refusal, TransportError};
use askel_proto::v1;

use super::{Desk, Disturbance};

impl Desk {
    /// What devices said of being woken, in order.
    pub(crate) fn pushes(&self) -> Vec<Option<v1::PushRegistration>> {
        self.state().pushes.clone()
    }

    pub(super) fn told_of_push(
        &self,
        said: Option<v1::PushRegistration>,
    ) -> Result<(), TransportError> {
        let mut state = self.state();
        let line = |one| matches!(one, Disturbance::PushRefused | Disturbance::PushLost);
        match state.next_disturbance(line) {
            Some(Disturbance::PushLost) => Err(TransportError::Unreachable),
            Some(_) => Err(TransportError::Refused(Refusal {
                advice: Advice::UpdateApp,
                reason: "METHOD_UNKNOWN".to_owned(),
                text: String::new(),
                retry_after: None,
                server_time_ms: None,
            })),
            None => {
                state.pushes.push(said);
                Ok(())
            }
        }
    }
}
