//! A phone leaves the Wi-Fi for its mobile network. The old address is gone.

use crate::scenario::prelude::*;

parameters! {
    /// What the phone's operating system does.
    pub struct Os {
        /// Whether it destroys the sockets of an address that is gone (as Android does).
        destroys_sockets: bool = false;
    }
}

parameters! {
    /// Parameters of `websocket/wifi-switch`.
    pub struct WifiSwitch {
        /// How long a packet takes by Wi-Fi.
        one_way: Duration = ms(25), in ms(1)..=secs(5);
        /// How long a packet takes by the mobile network.
        mobile_one_way: Duration = ms(50), in ms(1)..=secs(5);
        /// When the phone leaves the Wi-Fi.
        switch_at: Duration = secs(60), in secs(10)..=hours(1);
        /// The server's updates come this far apart.
        update_every: Duration = secs(5), in ms(10)..=hours(1);
        /// The phone's operating system.
        os: Os = Os::default();
        /// The phone's heartbeat.
        heartbeat: Heartbeat = Heartbeat::default();
        /// Whether the server has the same heartbeat.
        server_heartbeat: bool = false;
    }
}

/// `websocket/wifi-switch`
pub static SCENARIO: Experiment<WifiSwitch> = Experiment {
    name: "websocket/wifi-switch",
    question: "A phone leaves the Wi-Fi. What do phone and server believe, and for how long?",
    kernel: Sysctls::default,
    needs: Recording::Story,
    run: |p, mut world| {
        let [phone, server] = world.machines(["phone", "server"]);
        let router = RouterOptions::default();
        phone.interface_behind("wifi", router).interface_behind("lte", router);
        world.link(phone.on("wifi"), &server).one_way(p.one_way);
        world.link(phone.on("lte"), &server).one_way(p.mobile_one_way);

        let heartbeat = p.server_heartbeat.then_some(p.heartbeat);
        server.runs(websocket::server(Feed::every(p.update_every)).heartbeat(heartbeat));
        phone.runs(
            Session::over(websocket::client("ws://server/feed"))
                .heartbeat(p.heartbeat)
                .publish_every(secs(20)),
        );

        world.at(p.switch_at).switch(&phone, "lte", p.os.destroys_sockets);

        let trace = world.run(p.switch_at + mins(20))?;
        // Each side's belief ends with its session's end, whoever brought the news.
        let ended = |host, event| trace.first(event).on(host).after(p.switch_at).seconds_since(p.switch_at);
        let client_detect_s = ended("phone", "session ended");
        let server_detect_s = ended("server", "conversation ended");
        let limit_s = (p.heartbeat.interval + p.heartbeat.timeout).as_secs_f64() + 0.1;
        let held_s = server_detect_s.zip(client_detect_s).map(|(server, client)| server - client);
        let at_once = client_detect_s.is_some_and(|s| s < 0.1);
        let written = trace.all("update sent").on("server").after(p.switch_at).count();
        Ok(Report::new()
            .measure("client_detect_s", "the phone knows, after the switch", client_detect_s)
            .measure("server_detect_s", "the server knows, after the switch", server_detect_s)
            .measure("half_open_s", "only the server believes, for", held_s)
            .measure("updates_into_the_void_count", "updates written to nobody", written)
            .claim(
                "J-08",
                "TCP does not feel the change of address: unless the system destroys the socket, only the heartbeat ends it",
                if p.os.destroys_sockets { at_once } else { !at_once && client_detect_s.is_some_and(|s| s <= limit_s) },
            )
            .claim(
                "J-01",
                "the server hears nothing of it and goes on writing until its retransmissions or its own heartbeat end it",
                server_detect_s.is_some_and(|s| if p.server_heartbeat { s <= limit_s } else { s > limit_s }),
            )
            .of(trace))
    },
};
