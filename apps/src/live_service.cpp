#include "live_service.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <live/publish_rules.hpp>
#include <live/pull_inputs.hpp>
#include <live/restreamer.hpp>
#include <live/rtmp_ingest.hpp>
#include <live/segment_store.hpp>
#include <live/srt_ingest.hpp>

#include <base/digest.hpp>
#include <base/log.hpp>
#include <protocols/rtmp_server.hpp>
#include <protocols/srt_listener.hpp>

#include "config.hpp"
#include "encoder_factory.hpp"

namespace sg::apps {
namespace {

namespace asio = boost::asio;

/// What takes publishers on one context.
struct Intake {
    asio::io_context* context = nullptr;
    std::unique_ptr<live::RtmpIngest> rtmp_ingest;
    std::unique_ptr<protocols::RtmpServer> rtmp;
    std::unique_ptr<live::SrtIngest> srt_ingest;
};

live::PublishRules publish_rules(const PublishSettings& settings) {
    live::PublishRules rules;
    for (const auto& key : settings.keys)
        rules.keys.push_back({key.channel, sha256_hex(key.key), key.not_before, key.expires});
    for (const auto& secret : {settings.token.secret, settings.token.previous}) {
        if (!secret.empty()) rules.token_secrets.push_back(secret);
    }
    if (!settings.callback.url.empty())
        rules.callback = {settings.callback.url, settings.callback.timeout};
    return rules;
}

/// Pulls follow their URL while the channel runs, and a slate that is no more wanted goes.
bool counts_at_once(const std::string& key,
                    const live::ChannelSettings& before,
                    const live::ChannelSettings& after) {
    if (key.starts_with("slate.")) return !after.slate.enabled;
    for (std::size_t i = 0; i < std::min(before.inputs.size(), after.inputs.size()); ++i) {
        const auto& a = before.inputs[i];
        const auto& b = after.inputs[i];
        if (key == fmt::format("inputs[{}].url", i) ||
            key == fmt::format("inputs[{}].max_bandwidth", i) ||
            key == fmt::format("inputs[{}].program", i))
            return a.name == b.name && a.kind == b.kind;
    }
    return false;
}

}  // namespace

struct LiveService::Impl {
    Impl(const ServeSettings& s, std::vector<asio::io_context*> h, const Clock& c, Metrics& m)
        : settings(s),
          homes(std::move(h)),
          clock(c),
          metrics(m),
          gate(publish_rules(s.publish), c, m) {}

    [[nodiscard]] Status start(const Listeners& listeners, ServiceAddresses& addresses);
    [[nodiscard]] Status start_rtmp(const Listeners& listeners, ServiceAddresses& addresses);
    [[nodiscard]] Status start_srt(const Listeners& listeners, ServiceAddresses& addresses);
    void add_store();
    void tell_what_stays(const ServeSettings& fresh) const;
    [[nodiscard]] live::RegistryOptions registry_options() const;
    void apply();

    ServeSettings settings;
    std::vector<asio::io_context*> homes;
    const Clock& clock;
    Metrics& metrics;
    live::RuledGate gate;
    std::unique_ptr<protocols::SrtService> srt_service;
    std::vector<Intake> intakes;
    std::unique_ptr<live::SegmentStore> store;
    std::unique_ptr<live::ChannelRegistry> registry;
    std::unique_ptr<live::PullInputs> pulls;
    std::unique_ptr<protocols::SrtListener> srt;
    std::atomic<bool> draining = false;
    std::mutex changing;  ///< settings and extra, and what follows from them
    ExtraChannels extra;
};

live::RegistryOptions LiveService::Impl::registry_options() const {
    live::RegistryOptions options;
    for (const auto* all : {&settings.channels, &extra.running}) {
        for (const auto& each : *all)
            options.channels.push_back(live::settings_named(each, each.name));
    }
    options.templates = settings.templates;
    options.closed = extra.stopped;
    options.max_channels = settings.limits.channels;
    return options;
}

Status LiveService::Impl::start(const Listeners& listeners, ServiceAddresses& addresses) {
    // Also for channels that call others: it sleeps while nobody uses it.
    SG_TRY_ASSIGN(srt_service, protocols::SrtService::create());
    registry = std::make_unique<live::ChannelRegistry>(registry_options(), homes, clock, metrics);
    registry->set_encoder_factory(encoder_factory(clock, metrics));
    add_store();
    pulls = std::make_unique<live::PullInputs>(*registry, homes, srt_service.get(), clock, metrics);
    SG_TRY(start_rtmp(listeners, addresses));
    return start_srt(listeners, addresses);
}

void LiveService::Impl::add_store() {
    live::SegmentStoreOptions options;
    options.folder = settings.data;
    store = std::make_unique<live::SegmentStore>(std::move(options), clock, metrics);
    store->clean();
    registry->set_continuations(
        [this](const live::ChannelSettings& channel) { return store->restore(channel); });
}

Status LiveService::Impl::start_rtmp(const Listeners& listeners, ServiceAddresses& addresses) {
    for (auto* home : homes) intakes.push_back({home, {}, {}, {}});
    if (!listeners.rtmp && !listeners.rtmps) return {};
    auto admission = std::make_shared<protocols::RtmpAdmission>(
        settings.limits.publishers, settings.limits.publishers_per_address);
    protocols::RtmpServerOptions options;
    options.limits.message_bytes = settings.limits.rtmp_message_bytes;
    options.limits.partial_bytes = 2 * settings.limits.rtmp_message_bytes;
    options.publisher_rate = settings.limits.publisher_rate;
    auto plain = listeners.rtmp;
    auto secure = listeners.rtmps;
    for (auto& intake : intakes) {
        intake.rtmp_ingest =
            std::make_unique<live::RtmpIngest>(*intake.context, *registry, gate, clock);
        intake.rtmp = std::make_unique<protocols::RtmpServer>(
            *intake.context, options, admission, *intake.rtmp_ingest);
        using Security = protocols::RtmpServer::Security;
        const auto listen =
            [&](const char* key, std::optional<ListenAddress>& at, Security security) -> Status {
            if (!at) return {};
            const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(at->address), at->port);
            const auto bound = intake.rtmp->listen(endpoint, security, true);
            if (!bound) return cannot_listen(key, *at, bound.error());
            at->port = bound->port();
            return {};
        };
        if (secure)
            SG_TRY(intake.rtmp->use_certificate(settings.tls.certificate, settings.tls.key));
        SG_TRY(listen("listen.rtmp", plain, Security::kPlain));
        SG_TRY(listen("listen.rtmps", secure, Security::kTls));
    }
    if (plain) addresses.rtmp = fmt::format("rtmp://{}", plain->text());
    if (secure) addresses.rtmps = fmt::format("rtmps://{}", secure->text());
    return {};
}

/// New connections go to the threads in turn; each makes its channels at home there.
Status LiveService::Impl::start_srt(const Listeners& listeners, ServiceAddresses& addresses) {
    if (!listeners.srt) return {};
    auto at = *listeners.srt;
    std::vector<protocols::SrtListener::OnConnection> takers;
    for (auto& intake : intakes) {
        intake.srt_ingest = std::make_unique<live::SrtIngest>(
            *registry,
            gate,
            [this](std::string_view channel) {
                auto found = registry->configured(channel);
                return found ? std::move(found->srt) : live::SrtEncryption();
            },
            *intake.context,
            clock);
        takers.push_back(intake.srt_ingest->on_connection());
    }
    protocols::SrtListenerSettings options;
    options.address = at.address;
    options.port = at.port;
    options.latency = settings.srt.latency;
    options.connections = settings.limits.publishers;
    options.connections_per_ip = settings.limits.publishers_per_address;
    options.caller_rate = settings.limits.publisher_rate;
    auto& first = *homes.front();
    auto listener = protocols::SrtListener::create(
        *srt_service,
        options,
        [this, admission = intakes.front().srt_ingest->admission()](
            const auto& id, const auto& ip) -> protocols::SrtDecision {
            if (draining.load())
                return protocols::SrtRefusal(protocols::SrtReject::kDown, "the service stops");
            return admission(id, ip);
        },
        [&first](std::function<void()> work) { asio::post(first, std::move(work)); },
        [takers = std::move(takers),
         next = std::size_t{0}](std::shared_ptr<protocols::SrtConnection> connection) mutable {
            takers[next++ % takers.size()](std::move(connection));
        });
    if (!listener) return cannot_listen("listen.srt", at, listener.error());
    srt = std::move(*listener);
    at.port = srt->port();
    addresses.srt = fmt::format("srt://{}", at.text());
    return {};
}

void LiveService::Impl::tell_what_stays(const ServeSettings& fresh) const {
    for (const auto& channel : registry->channels()) {
        if (channel->view()->ended()) continue;
        const auto& mine = channel->settings();
        const auto is_mine = [&](const auto& each) { return each.name == mine.name; };
        if (std::ranges::any_of(extra.running, is_mine)) continue;
        const auto found = std::ranges::find_if(fresh.channels, is_mine);
        const auto shape = std::ranges::find_if(fresh.templates, [&](const auto& each) {
            return live::matches_pattern(each.pattern, mine.name);
        });
        const bool named = found != fresh.channels.end();
        if (!named && shape == fresh.templates.end()) {
            log::warn("channel_not_configured channel={} until=\"it ends\"", mine.name);
            continue;
        }
        const auto later = live::settings_named(named ? *found : shape->settings, mine.name);
        auto changed = changed_keys(mine, later);
        std::erase_if(changed, [&](const auto& key) { return counts_at_once(key, mine, later); });
        if (changed.empty()) continue;
        log::warn("channel_keeps_settings channel={} until=\"it ends\" changed={}",
                  mine.name,
                  fmt::join(changed, ","));
    }
}

void LiveService::Impl::apply() {
    const auto options = registry_options();
    registry->reload(options);
    pulls->apply(options.channels);
}

Result<std::unique_ptr<LiveService>> LiveService::start(const ServeSettings& settings,
                                                        const Listeners& listeners,
                                                        std::vector<asio::io_context*> homes,
                                                        const Clock& clock,
                                                        Metrics& metrics,
                                                        ServiceAddresses& addresses) {
    auto impl = std::make_unique<Impl>(settings, std::move(homes), clock, metrics);
    SG_TRY(impl->start(listeners, addresses));
    return std::unique_ptr<LiveService>(new LiveService(std::move(impl)));
}

LiveService::LiveService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LiveService::~LiveService() = default;

live::ChannelRegistry& LiveService::channels() {
    return *impl_->registry;
}

void LiveService::begin(std::function<void(live::Channel&)> seen) {
    impl_->registry->set_observer_factory(
        [impl = impl_.get(), seen = std::move(seen)](live::Channel& channel) {
            impl->store->observe(channel);
            live::observe_restream(channel, impl->clock, impl->metrics, impl->srt_service.get());
            if (seen) seen(channel);
        });
    const std::scoped_lock lock(impl_->changing);
    impl_->apply();
}

void LiveService::set_extra(ExtraChannels extra) {
    const std::scoped_lock lock(impl_->changing);
    impl_->extra = std::move(extra);
    impl_->apply();
}

void LiveService::take(const ServeSettings& fresh) {
    auto& impl = *impl_;
    const std::scoped_lock lock(impl.changing);
    impl.tell_what_stays(fresh);
    impl.gate.set_rules(publish_rules(fresh.publish));
    impl.settings.limits.channels = fresh.limits.channels;
    impl.settings.channels = fresh.channels;
    impl.settings.templates = fresh.templates;
    impl.apply();
    for (auto& intake : impl.intakes) {
        if (fresh.listen.rtmps == "off" || !intake.rtmp) continue;
        asio::post(*intake.context, [rtmp = intake.rtmp.get(), tls = fresh.tls] {
            if (const auto status = rtmp->use_certificate(tls.certificate, tls.key); !status)
                log::error("reload_tls error=\"{}\"", status.error().message);
        });
    }
}

void LiveService::drain() {
    auto& impl = *impl_;
    impl.draining = true;
    for (auto& intake : impl.intakes) {
        if (!intake.rtmp) continue;
        asio::post(*intake.context,
                   [rtmp = intake.rtmp.get()] { rtmp->drain("the service stops"); });
    }
}

void LiveService::end(std::function<void()> ended) {
    auto& impl = *impl_;
    impl.srt.reset();
    impl.pulls->stop();
    impl.registry->end_all("the service stops");
    // One round through every thread, so that streams have ended and viewers who wait have heard
    // of it before connections close.
    auto turns = std::make_shared<std::size_t>(impl.homes.size());
    auto& first = *impl.homes.front();
    for (auto& intake : impl.intakes) {
        asio::post(*intake.context, [&intake, &first, turns, ended] {
            if (intake.rtmp) intake.rtmp->stop("the service stops");
            asio::post(first, [turns, ended] {
                if (--*turns == 0) ended();
            });
        });
    }
}

void LiveService::stop() {
    impl_->gate.stop();
}

}  // namespace sg::apps
