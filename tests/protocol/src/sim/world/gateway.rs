//! What the gateway does: pass on, keep, lose, cut, pause.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ssmpf_proto::message::{Header, MessageType, PayloadType, encode};
use uuid::Uuid;

use super::World;
use crate::sim::MS;

/// Something that was planned for a moment.
#[derive(Debug)]
pub(super) enum Happening {
    ToClient { epoch: u32, message: Bytes },
    ToAgent { epoch: u32, message: Bytes },
    CutClient(Duration),
    RestoreClient(u32),
    StandStill(Duration),
    GoOn,
    CutAgent(Duration),
    RestoreAgent,
    Publication(MessageType),
}

impl World {
    /// Lets it happen.
    pub(super) fn handle(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::ToClient { epoch, message } => {
                self.note(message.len() as u64);
                if self.client_connected && epoch == self.client_epoch {
                    self.inbox_bytes += message.len();
                    self.inbox.push_back(message);
                } else if self.scenario.holds && !self.scenario.loses_in_flight {
                    self.keep_for_client(message);
                }
            }
            Happening::ToAgent { epoch, message } => {
                self.note(message.len() as u64 | 1 << 32);
                if epoch != self.client_epoch && self.scenario.loses_in_flight {
                    return Ok(());
                }
                if self.agent.connected {
                    self.give_agent(message)?;
                } else if self.scenario.holds {
                    self.for_agent.push_back(message);
                }
            }
            // Who stands still learns of it afterwards.
            Happening::CutClient(length) if self.stands_still() => {
                self.plan(self.still_until, Happening::CutClient(length));
            }
            Happening::CutClient(length) => self.cut_client(length)?,
            Happening::RestoreClient(epoch) if self.stands_still() => {
                self.plan(self.still_until, Happening::RestoreClient(epoch));
            }
            // One that is being opened meanwhile is given up, and another is started.
            Happening::StandStill(length) if !self.ready => {
                self.plan(self.now + 100 * MS, Happening::StandStill(length));
            }
            Happening::StandStill(length) => {
                self.still_until = self.still_until.max(self.now + length);
                self.plan(self.still_until, Happening::GoOn);
            }
            Happening::GoOn => {}
            Happening::RestoreClient(epoch) if epoch == self.client_epoch => {
                self.client_connected = true;
                self.session.open_data_channel("another token");
                self.session.handle_connected(self.base + self.now);
                for message in std::mem::take(&mut self.for_client) {
                    self.inbox_bytes += message.len();
                    self.inbox.push_back(message);
                }
                if self.scenario.pauses_agent && self.agent.connected {
                    self.give_agent(bare(MessageType::StartPublication))?;
                }
            }
            Happening::RestoreClient(_) => {}
            Happening::CutAgent(length) => {
                self.agent.handle_disconnected();
                self.plan(self.now + length, Happening::RestoreAgent);
            }
            Happening::RestoreAgent => {
                self.agent.handle_connected();
                for message in std::mem::take(&mut self.for_agent) {
                    self.give_agent(message)?;
                }
            }
            Happening::Publication(message_type) => {
                if self.client_connected {
                    self.inbox.push_back(bare(message_type));
                }
            }
        }
        Ok(())
    }

    fn give_agent(&mut self, message: Bytes) -> Result<(), String> {
        if self.agent_ended { Ok(()) } else { self.agent.handle_message(message, self.now) }
    }

    pub(super) fn cut_client(&mut self, length: Duration) -> Result<(), String> {
        if self.client_connected && self.scenario.pauses_agent && self.agent.connected {
            self.give_agent(bare(MessageType::PausePublication))?;
        }
        self.client_connected = false;
        self.client_epoch += 1;
        for message in std::mem::take(&mut self.inbox) {
            if self.scenario.holds && !self.scenario.loses_in_flight {
                self.keep_for_client(message);
            }
        }
        self.inbox_bytes = 0;
        self.read_at = self.now;
        self.session.handle_disconnected(self.base + self.now);
        self.plan(self.now + length, Happening::RestoreClient(self.client_epoch));
        Ok(())
    }

    fn keep_for_client(&mut self, message: Bytes) {
        if self.client_connected {
            self.inbox_bytes += message.len();
            self.inbox.push_back(message);
        } else {
            self.for_client.push_back(message);
        }
    }
}

/// A message that says all by its type.
pub(super) fn bare(message_type: MessageType) -> Bytes {
    let header = Header {
        message_type,
        created_ms: 1,
        sequence: 0,
        flags: 3,
        id: Uuid::nil(),
        payload_type: PayloadType::NONE,
    };
    let mut out = BytesMut::new();
    encode(&header, b"{}", &mut out);
    out.freeze()
}
