#include <algorithm>

#include <fmt/format.h>

#include "commands.hpp"
#include "config_fields.hpp"
#include "live_channel.hpp"
#include "serve_run.hpp"

namespace sg::apps {
namespace {

bool is_top_key(std::string_view key) {
    const auto first = key.substr(0, key.find('.'));
    for (const auto& known : config_keys()) {
        // Keys of defaults are meant for the channel when they are written without it.
        if (known.path.substr(0, known.path.find_first_of(".[")) == first) return true;
    }
    return false;
}

}  // namespace

Result<ConfigSources> live_sources(const LiveOptions& options) {
    ServeOptions base;
    base.rtmp = options.rtmp;
    base.srt = options.srt;
    base.http = options.http;
    base.data = options.data;
    SG_TRY_ASSIGN(auto sources, config_sources(base));
    const auto put = [&](const char* origin, std::string key, std::string value) {
        sources.overrides.push_back({origin, std::move(key), std::move(value)});
    };
    std::string inputs;
    bool takes_rtmp = options.inputs.empty();
    bool takes_srt = options.inputs.empty();
    bool publishers = false;
    for (const auto& word : options.inputs) {
        const bool rtmp = word == "rtmp" || word == "rtmps";
        takes_rtmp = takes_rtmp || rtmp;
        takes_srt = takes_srt || word == "srt";
        std::string entry;
        if (rtmp || word == "srt") {
            // One place for publishers, whatever they speak.
            if (!std::exchange(publishers, true)) entry = "{kind: publish, name: main}";
        } else if (word == "test-card") {
            entry = "{kind: test-card, name: test-card}";
        } else {
            const bool url = word.find("://") != std::string::npos;
            entry = fmt::format("{{kind: {}, url: {}}}", url ? "pull" : "file", yaml_scalar(word));
        }
        if (!entry.empty()) inputs += (inputs.empty() ? "" : ", ") + entry;
    }
    if (!takes_rtmp && options.rtmp.empty()) put("INPUT", "listen.rtmp", "off");
    if (!takes_srt && options.srt.empty()) put("INPUT", "listen.srt", "off");
    put("--name",
        "channels",
        fmt::format("[{{name: {}{}}}]",
                    yaml_scalar(options.name),
                    inputs.empty() ? "" : ", inputs: [" + inputs + "]"));
    put("--name", "templates", "[]");
    put("live", "jobs.enabled", "false");
    const auto setting = [&](const char* flag, const char* key, const std::string& value) {
        if (!value.empty()) put(flag, std::string("defaults.") + key, yaml_scalar(value));
    };
    setting("--preset", "preset", options.preset);
    setting("--segment", "output.segment", options.segment);
    setting("--part", "output.part", options.part);
    setting("--window", "output.window", options.window);
    setting("--dvr", "output.dvr", options.dvr);
    if (options.ts) put("--ts", "defaults.output.ts", "true");
    if (options.record) put("--record", "defaults.recording.enabled", "true");
    if (options.anyone) put("--anyone", "publish.anyone", "true");
    if (!options.key_file.empty())
        put("--key-file",
            "publish.keys",
            fmt::format("[{{key_file: {}}}]", yaml_scalar(options.key_file)));
    for (const auto& pair : options.set) {
        SG_TRY_ASSIGN(auto each, read_setting(pair));
        if (!is_top_key(each.key)) each.key = "defaults." + each.key;
        sources.overrides.push_back(std::move(each));
    }
    return sources;
}

ExitCode run_live(const LiveOptions& options) {
    const auto sources = live_sources(options);
    if (!sources) return complain(ExitCode::kUsage, sources.error().message);
    return serve_until_stopped(*sources, options.name);
}

}  // namespace sg::apps
