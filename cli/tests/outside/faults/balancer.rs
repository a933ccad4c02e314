//! A balancer of TCP connections, as any: it passes each on to a node that takes it, in turn, and knows
//! nothing of what is said. That a node has gone it learns by being refused.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// Listens for devices.
pub(super) struct Balancer {
    /// Where devices connect to.
    pub(super) address: SocketAddr,
}

impl Balancer {
    /// Passes on to these nodes.
    pub(super) async fn start(nodes: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let nodes = Arc::new(Nodes {
            addresses: nodes,
            next: AtomicUsize::new(0),
        });
        tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let nodes = Arc::clone(&nodes);
                tokio::spawn(async move { nodes.pass_on(device).await });
            }
        });
        Self { address }
    }
}

struct Nodes {
    addresses: Vec<String>,
    next: AtomicUsize,
}

impl Nodes {
    async fn pass_on(&self, mut device: TcpStream) {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = self.addresses.iter().cycle();
        let in_turn = in_turn.skip(first % self.addresses.len());
        for address in in_turn.take(self.addresses.len()) {
            if let Ok(mut node) = TcpStream::connect(address).await {
                let _ = (device.set_nodelay(true), node.set_nodelay(true));
                // However it ended, both sides see it.
                let _ = copy_bidirectional(&mut device, &mut node).await;
                return;
            }
        }
    }
}
