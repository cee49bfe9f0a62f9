#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <live/channel_registry.hpp>
#include <live/pull_inputs.hpp>

#include <engine/live_preset.hpp>
#include <presets/loader.hpp>

#include "config_decode.hpp"
#include "listen_address.hpp"

namespace sg::apps {
namespace {

using presets::Problem;

/// First path segments of the service itself.
constexpr std::array kTakenApplications{"metrics",
                                        "healthz",
                                        "readyz",
                                        "time",
                                        "player",
                                        "api",
                                        "v1",
                                        "docs",
                                        "problems",
                                        "openapi.json"};

class Rules {
  public:
    Rules(const ConfigPlaces& places, std::vector<Problem>& problems)
        : places_(places), problems_(problems) {}

    void report(const std::string& field, std::string message) {
        // The key may come from defaults, or not be written at all: then its group's place.
        auto at = field;
        while (!places_.contains(at) && !at.empty()) {
            const auto dot = at.rfind('.');
            at.resize(dot == std::string::npos ? 0 : dot);
        }
        const auto found = places_.find(at);
        problems_.push_back(presets::problem_at(
            found == places_.end() ? presets::Place{} : found->second, field, std::move(message)));
    }

    void channel(const std::string& path, const live::ChannelSettings& c) {
        const auto& o = c.output;
        if (o.part * 2 > o.segment)
            report(path + ".output.part", "must be at most half of output.segment");
        if (o.segment > o.target)
            report(path + ".output.segment", "must not be longer than output.target");
        if (!o.hls && !o.dash) report(path + ".output.dash", "hls and dash are both off; keep one");
        if (o.ts && !o.hls) report(path + ".output.ts", "needs output.hls");
        if (c.slate.enabled && c.inputs.empty()) report(path + ".slate.enabled", "needs an input");
        std::error_code none;
        const auto& image = c.slate.image;
        if (c.slate.enabled && !image.empty() && image.find("{name}") == std::string::npos &&
            !std::filesystem::is_regular_file(image, none))
            report(path + ".slate.image", "there is no such file");
        inputs(path, c);
        if (c.srt.key_bytes % 8 != 0 || c.srt.key_bytes == 8)
            report(path + ".srt.key_bytes", "is not one of 0, 16, 24 and 32");
        if (c.srt.key_bytes != 0 && c.srt.passphrase.empty())
            report(path + ".srt.key_bytes", "needs srt.passphrase or srt.passphrase_file");
        restream(path, c);
        if (c.preset == "passthrough" || !presets_.insert(c.preset).second) return;
        if (const auto preset = presets::load_preset(c.preset); !preset) {
            report(path + ".preset", preset.error().message);
        } else if (const auto fit = engine::check_live_preset(*preset); !fit) {
            report(path + ".preset", fit.error().message);
        }
    }

    void application(const std::string& field, std::string_view name) {
        const auto first = name.substr(0, name.find('/'));
        if (first.find('*') != std::string_view::npos)
            report(field, "its application, before the slash, must not hold *");
        if (std::ranges::find(kTakenApplications, first) != kTakenApplications.end())
            report(field,
                   fmt::format("the application {} is taken by the service itself; choose another",
                               first));
    }

    void publish(const PublishSettings& p) {
        const bool ruled = !p.keys.empty() || !p.token.secret.empty() || !p.callback.url.empty();
        if (p.anyone && ruled)
            report("publish.anyone",
                   "contradicts keys, token and callback; remove one or the other");
        for (std::size_t i = 0; i < p.keys.size(); ++i) {
            const auto path = fmt::format("publish.keys[{}]", i);
            const auto& k = p.keys[i];
            if (k.key.empty()) report(path + ".key", "has no value; give key or key_file");
            if (k.not_before && k.expires && *k.not_before >= *k.expires)
                report(path + ".expires", "must be later than not_before");
        }
        if (!p.token.previous.empty() && p.token.secret.empty())
            report("publish.token.previous", "needs publish.token.secret or secret_file");
        const auto& url = p.callback.url;
        if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://"))
            report("publish.callback.url", "must begin with http:// or https://");
    }

    void listeners(const ServeSettings& s, bool all_encrypted) {
        const bool tls = !s.tls.certificate.empty() && !s.tls.key.empty();
        if (s.tls.certificate.empty() != s.tls.key.empty())
            report("tls", "needs both certificate and key");
        if (s.listen.rtmps != "off" && !tls)
            report("listen.rtmps", "needs tls.certificate and tls.key");
        if (s.listen.https != "off" && !tls)
            report("listen.https", "needs tls.certificate and tls.key");
        const auto& p = s.publish;
        if (p.anyone || !p.keys.empty() || !p.token.secret.empty() || !p.callback.url.empty())
            return;
        const auto closed = [&](const char* key, const std::string& text) {
            const auto at = parse_listen_address(key, text);
            if (!at || !*at || (*at)->loopback()) return;
            report(key,
                   fmt::format("anyone who reaches {} could publish: set publish.keys, "
                               "publish.token or publish.callback, or say publish.anyone: true",
                               (*at)->text()));
        };
        closed("listen.rtmp", s.listen.rtmp);
        closed("listen.rtmps", s.listen.rtmps);
        if (!all_encrypted) closed("listen.srt", s.listen.srt);
    }

    void jobs(const ServeSettings& s) {
        std::set<std::string> names;
        const auto& jwt = s.api.jwt;
        if (jwt.issuer.empty() != jwt.audience.empty())
            report("api.jwt", "needs both issuer and audience");
        for (std::size_t i = 0; i < s.watch.size(); ++i) {
            const auto path = fmt::format("watch[{}]", i);
            if (s.watch[i].name.empty())
                report(path + ".name", "has no value; give one");
            else if (!names.insert(s.watch[i].name).second)
                report(path + ".name", fmt::format("there are two rules {}", s.watch[i].name));
            if (s.watch[i].folder.empty()) report(path + ".folder", "has no value; give one");
        }
    }

  private:
    void inputs(const std::string& path, const live::ChannelSettings& c) {
        std::set<std::string> names;
        for (std::size_t i = 0; i < c.inputs.size(); ++i) {
            const auto at = fmt::format("{}.inputs[{}]", path, i);
            const auto& input = c.inputs[i];
            if (!input.name.empty() && !names.insert(input.name).second)
                report(at + ".name", fmt::format("there are two inputs {}", input.name));
            const bool fetched =
                input.kind == live::InputKind::kPull || input.kind == live::InputKind::kFileLoop;
            if (fetched && input.url.empty())
                report(at + ".url", "is needed by inputs of kind pull and file");
            if (input.kind == live::InputKind::kPull && !input.url.empty()) {
                // Any name will do to look at the rest.
                const auto named = live::settings_named(c, "live/1").inputs[i].url;
                if (const auto may = live::check_pull_url(named); !may)
                    report(at + ".url", may.error().message);
            }
            if (!fetched && !input.url.empty())
                report(at + ".url", "is only of inputs of kind pull and file");
        }
    }

    void restream(const std::string& path, const live::ChannelSettings& c) {
        for (std::size_t i = 0; i < c.restream.size(); ++i) {
            const auto at = fmt::format("{}.restream[{}]", path, i);
            const auto& url = c.restream[i].url;
            if (c.restream[i].name.empty()) report(at + ".name", "has no value; give one");
            const auto is = [&](std::string_view scheme) { return url.starts_with(scheme); };
            if (!is("rtmp://") && !is("rtmps://") && !is("srt://"))
                report(at + ".url", "must begin with rtmp://, rtmps:// or srt://");
        }
    }

    const ConfigPlaces& places_;
    std::vector<Problem>& problems_;
    std::set<std::string> presets_;
};

}  // namespace

void check_config(const ConfigDocument& document,
                  const ConfigPlaces& places,
                  std::vector<Problem>& problems) {
    Rules rules(places, problems);
    rules.publish(document.serve.publish);
    const auto& keys = document.serve.playback.signature_keys;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].key.empty())
            rules.report(fmt::format("playback.signature_keys[{}].key", i),
                         "has no value; give key or key_file");
    }
    rules.jobs(document.serve);
    bool all_encrypted = true;
    std::set<std::string> names;
    for (std::size_t i = 0; i < document.channels.size(); ++i) {
        const auto path = fmt::format("channels[{}]", i);
        const auto& channel = document.channels[i].settings;
        if (channel.name.empty()) {
            rules.report(path + ".name", "has no value; give one, as live/NAME");
        } else if (!names.insert(channel.name).second) {
            rules.report(path + ".name", fmt::format("there are two channels {}", channel.name));
        } else {
            rules.application(path + ".name", channel.name);
        }
        rules.channel(path, channel);
        all_encrypted = all_encrypted && !channel.srt.passphrase.empty();
    }
    for (std::size_t i = 0; i < document.templates.size(); ++i) {
        const auto path = fmt::format("templates[{}]", i);
        rules.application(path + ".match", document.templates[i].pattern);
        rules.channel(path, document.templates[i].settings);
        all_encrypted = all_encrypted && !document.templates[i].settings.srt.passphrase.empty();
    }
    rules.listeners(document.serve, all_encrypted);
}

}  // namespace sg::apps
