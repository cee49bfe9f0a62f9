#include "config.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <presets/document.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "live_channel.hpp"
#include "serve_messages.hpp"

using namespace sg;
using namespace sg::apps;
using namespace sg::test;
using namespace std::chrono_literals;

namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A file named c.yaml, as its faults show it.
struct Config {
    explicit Config(const std::string& text) { std::ofstream(folder / "c.yaml") << text; }

    [[nodiscard]] LoadedConfig load() const {
        auto sources = more;
        sources.file = (folder / "c.yaml").string();
        return load_config(sources);
    }
    [[nodiscard]] ServeSettings good() const {
        auto loaded = load();
        for (const auto& problem : loaded.problems) FAIL_CHECK(presets::to_string(problem));
        return std::move(loaded.settings);
    }
    /// One line each, without the folder.
    [[nodiscard]] std::string faults() const {
        std::string all;
        for (const auto& problem : load().problems) all += presets::to_string(problem) + "\n";
        const auto where = folder.path().string() + "/";
        for (auto at = all.find(where); at != std::string::npos; at = all.find(where))
            all.erase(at, where.size());
        return all;
    }

    TempFolder folder;
    ConfigSources more;
};

}  // namespace

TEST_CASE("an empty configuration is the default one") {
    const auto settings = Config("\n").good();
    CHECK(settings.listen.rtmp == "127.0.0.1:1935");
    CHECK(settings.channels.empty());
    REQUIRE(settings.templates.size() == 1);
    CHECK(settings.templates.front().pattern == "live/*");
    CHECK(changed_keys(settings, ServeSettings()).empty());
}

TEST_CASE("the sample configurations are good") {
    for (const auto& entry : std::filesystem::directory_iterator(SG_TEST_LIVE_SAMPLES)) {
        if (entry.path().extension() != ".yaml") continue;
        INFO(entry.path().filename());
        ConfigSources sources;
        sources.file = entry.path().string();
        const auto loaded = load_config(sources);
        for (const auto& problem : loaded.problems) FAIL_CHECK(presets::to_string(problem));
    }
}

TEST_CASE("values are read with their units, defaults spread over channels and templates") {
    Config config(R"(
listen: {rtmp: off, http: "[::1]:0"}
limits: {rtmp_message: 4M}
srt: {latency: 250ms}
publish:
  keys:
    - {channel: live/*, key: 12345678, not_before: 2026-01-31, expires: "2026-01-31T12:00:00+02:00"}
  callback: {url: "https://x.example/ask?k=1", timeout: 1.5s}
defaults:
  output: {segment: 1s, part: 200ms}
  grace: 10m
channels:
  - name: live/a
    output: {part: 100ms}
    conflict: take-over
    srt: {passphrase: 0123456789, key_bytes: 16}
    inputs:
      - {kind: publish, name: main}
      - {kind: pull, name: backup, url: "srt://b.example:9000"}
templates:
  - match: news/*
)");
    const auto s = config.good();
    CHECK(s.listen.rtmp == "off");
    CHECK(s.limits.rtmp_message_bytes == 4U << 20);
    CHECK(s.srt.latency == 250ms);
    REQUIRE(s.publish.keys.size() == 1);
    CHECK(*s.publish.keys[0].expires - *s.publish.keys[0].not_before == 10h);
    CHECK(s.publish.callback.timeout == 1500ms);
    REQUIRE(s.channels.size() == 1);
    CHECK(s.channels[0].output.segment == 1s);
    CHECK(s.channels[0].output.part == 100ms);
    CHECK(s.channels[0].grace == 10min);
    CHECK(s.channels[0].conflict == live::Conflict::kTakeOver);
    CHECK(s.channels[0].inputs[1].kind == live::InputKind::kPull);
    REQUIRE(s.templates.size() == 1);
    CHECK(s.templates[0].settings.output.part == 200ms);
}

TEST_CASE("each fault has its line, field, and what is accepted") {
    Config config(R"(listne: {}
listen:
  rtmp: everywhere
  htpp: ":8080"
limits:
  viewers: many
  rtmp_message: 8X
publish:
  anyone: yes
  keys:
    - {chanel: live/a, key: short}
    - {key: long-enough, expires: tomorrow}
defaults:
  output:
    segment: 2
    part: 1.5min
channels:
  - name: live
    conflict: takeover
    keep_ended: 1500ms
templates: {}
)");
    CHECK(config.faults() == read(SG_TEST_CONFIG_FAULTS));
}

TEST_CASE("faults between keys are found when each alone is good") {
    Config config(R"(listen:
  rtmp: 0.0.0.0:1935
  https: ":8443"
channels:
  - name: live/a
    output: {segment: 4s, part: 3s, hls: false, dash: false}
    inputs:
      - {kind: pull}
      - {kind: pull, name: other, url: "gopher://somewhere/a?key=secret"}
    slate: {enabled: true, image: nowhere.png}
  - name: live/a
    restream: [{name: x, url: "http://somewhere"}]
  - name: metrics/a
    preset: web-hdd
    srt: {key_bytes: 16}
templates:
  - match: "*/x"
)");
    CHECK(config.faults() == read(SG_TEST_CONFIG_RULES));
}

TEST_CASE("a listener beyond loopback needs rules, or anyone") {
    const std::string open = "listen: {rtmp: \":1935\", srt: \":8890\"}\n";
    CHECK(Config(open).load().problems.size() == 2);
    CHECK(Config(open + "publish: {anyone: true}").load().problems.empty());
    CHECK(Config(open + "publish: {keys: [{key: long-enough}]}").load().problems.empty());
    CHECK(Config(open + "publish: {callback: {url: http://a/b}}").load().problems.empty());
    CHECK(Config(open + "publish: {anyone: true, keys: [{key: long-enough}]}")
              .load()
              .problems.size() == 1);
    // Encryption lets only those in who know the passphrase, but over SRT alone.
    const std::string srt = "listen: {rtmp: off, srt: \":8890\"}\n";
    CHECK(Config(srt + "defaults: {srt: {passphrase: 0123456789}}").load().problems.empty());
}

TEST_CASE("a flag wins over the environment, that over the file, that over the default") {
    Config config("listen: {http: \":1001\", rtmp: off, srt: off}\ndata: here\n");
    CHECK(config.good().data == config.folder / "here");
    config.more.environment = {{"STREAMGATE_LISTEN_HTTP", ":1002"},
                               {"STREAMGATE_DATA", "there"},
                               {"STREAMGATE_PLAYBACK_ALLOWED_ORIGINS", "[https://a.example]"},
                               {"STREAMGATE_DEFAULTS_OUTPUT_PART", "250ms"},
                               {"STREAMGATE_CONFIG", "ignored"}};
    config.more.overrides = {{"--http", "listen.http", ":1003"}};
    const auto settings = config.good();
    CHECK(settings.listen.http == ":1003");
    CHECK(settings.data == "there");
    CHECK(settings.playback.allowed_origins == std::vector<std::string>{"https://a.example"});
    CHECK(settings.templates.at(0).settings.output.part == 250ms);
    config.more.overrides.clear();
    CHECK(config.good().listen.http == ":1002");
}

TEST_CASE("faults of flags and environment say where they come from") {
    Config config("");
    config.more.environment = {{"STREAMGATE_LISTEN_HTPP", "x"}, {"STREAMGATE_THREADS", "x"}};
    config.more.overrides = {{"--set listen.htp", "listen.htp", "x"}};
    CHECK(config.faults() ==
          "environment: STREAMGATE_LISTEN_HTPP is not a setting; did you mean "
          "STREAMGATE_LISTEN_HTTP?\n"
          "--set listen.htp: listen.htp: is not a key that is known here; did you mean http? "
          "(accepted: rtmp, rtmps, srt, http, https)\n"
          "environment STREAMGATE_THREADS: threads: \"x\" is not a whole number from 0 to 256\n");
}

TEST_CASE("a secret may lie in a file beside the configuration, and is never shown") {
    Config config(R"(
publish:
  keys: [{key_file: stream.key}]
  token: {secret: sixteen-bytes-secret, previous: another-long-secret}
  callback: {url: "https://user:word@x.example/ask?secret=hush"}
playback: {signature_keys: [{key: signature-key-secret}]}
defaults:
  srt: {passphrase: passphrase-secret}
  restream: [{name: away, url: "rtmp://a.example/app/secret-stream-key"}]
  inputs: [{kind: pull, url: "rtsp://me:secret-word@b.example/app/secret-key?t=secret-token"}]
)");
    std::ofstream(config.folder / "stream.key") << "key-in-a-file-secret\n";
    const auto settings = config.good();
    CHECK(settings.publish.keys.at(0).key == "key-in-a-file-secret");
    const auto shown = show_config(settings);
    CHECK(shown.find("secret-") == std::string::npos);
    CHECK(shown.find("-secret") == std::string::npos);
    CHECK(shown.find("hush") == std::string::npos);
    CHECK(shown.find("word") == shown.find("passw"));
    CHECK(shown.find("\"https://x.example/ask\"") != std::string::npos);
    CHECK(shown.find("key: (hidden)") != std::string::npos);

    std::ofstream(config.folder / "stream.key") << "short";
    CHECK(
        config.faults() ==
        "c.yaml:3:21: publish.keys[0].key_file: the file's text has 5 bytes; it needs 8 to 256\n");
    std::filesystem::remove(config.folder / "stream.key");
    CHECK(config.faults().find("no such file") != std::string::npos);
}

TEST_CASE("a secret is not in the fault that it causes") {
    Config config("publish: {keys: [{key: hu sh}, {key: [hush-hush]}], token: {secret: hush}}\n");
    config.more.overrides = {{"--set publish.token.previous", "publish.token.previous", "[hush"}};
    CHECK(config.load().problems.size() == 4);
    CHECK(config.faults().find("hu") == std::string::npos);
}

TEST_CASE("what is shown is a configuration that means the same") {
    Config config(
        "data: /d\nlimits: {viewers: 7}\ndefaults: {output: {part: 250ms, ts: true}}\n"
        "channels: [{name: live/a, inputs: [{kind: file, name: f, url: \"a: b.mp4\"}]}]\n");
    const auto before = config.good();
    const auto after = Config(show_config(before)).good();
    CHECK(changed_keys(before, after) == std::vector<std::string>{});
    REQUIRE(after.channels.size() == 1);
    CHECK(changed_keys(before.channels[0], after.channels[0]) == std::vector<std::string>{});
    CHECK(changed_keys(before.templates.at(0).settings, after.templates.at(0).settings).empty());
}

TEST_CASE("changed keys are named by their path") {
    auto before = Config("").good();
    auto after = before;
    after.listen.http = "127.0.0.1:1";
    after.publish.keys.push_back({"*/*", "long-enough", {}, {}});
    CHECK(changed_keys(before, after) == std::vector<std::string>{"listen.http",
                                                                  "publish.keys[0].channel",
                                                                  "publish.keys[0].expires",
                                                                  "publish.keys[0].key",
                                                                  "publish.keys[0].not_before"});
}

TEST_CASE("hostile text is refused without harm") {
    CHECK_FALSE(Config("[[[[").load().problems.empty());
    CHECK_FALSE(Config("listen: 7").load().problems.empty());
    CHECK_FALSE(Config("- a\n- b").load().problems.empty());
    CHECK_FALSE(Config(std::string("a\0b", 3)).load().problems.empty());
    CHECK_FALSE(Config("publish: {keys: [1, [2], {}]}").load().problems.empty());
}

TEST_CASE("every key of the configuration is documented") {
    const auto text = read(SG_TEST_LIVE_DOCUMENT) + read(SG_TEST_CONFIGURATION_DOCUMENT);
    for (const auto& key : config_keys()) {
        auto path = key.path;
        if (path.ends_with("_file")) continue;  // said once for all secrets
        if (text.find("`" + path + "`") != std::string::npos) continue;
        for (const std::string prefix : {"defaults.", "channels[].", "templates[]."}) {
            if (path.starts_with(prefix)) path.erase(0, prefix.size());
        }
        INFO(path);
        CHECK(text.find("`" + path + "`") != std::string::npos);
    }
}

TEST_CASE("the schema in the repository is the one that the program writes") {
    CHECK(read(SG_TEST_CONFIG_SCHEMA) == config_schema() + "\n");
}

TEST_CASE("live is a configuration with one channel") {
    LiveOptions options;
    options.inputs = {"srt", "loop.mp4", "rtmp://a.example/live/x"};
    options.name = "studio/one";
    options.segment = "1s";
    options.set = {"output.part=250ms", "limits.viewers=5"};
    auto sources = live_sources(options);
    REQUIRE(sources);
    sources->environment.clear();
    const auto settings = load_settings(*sources);
    if (!settings) FAIL(settings.error().message);
    CHECK(settings->listen.rtmp == "off");
    CHECK(settings->listen.srt == "127.0.0.1:8890");
    CHECK(settings->limits.viewers == 5);
    CHECK(settings->templates.empty());
    REQUIRE(settings->channels.size() == 1);
    const auto& channel = settings->channels[0];
    CHECK(channel.name == "studio/one");
    CHECK(channel.output.segment == 1s);
    CHECK(channel.output.part == 250ms);
    REQUIRE(channel.inputs.size() == 3);
    CHECK(channel.inputs[1].kind == live::InputKind::kFileLoop);
    CHECK(channel.inputs[2].kind == live::InputKind::kPull);
}

TEST_CASE("presets of channels are read at the start; one that cannot be live is refused") {
    const auto faults = Config(
                            "channels:\n"
                            "  - {name: live/a, preset: nope}\n"
                            "  - {name: live/b, preset: av1-hd}\n"
                            "  - {name: live/c, preset: web-hd}\n")
                            .faults();
    INFO(faults);
    CHECK(faults.find("channels[0].preset") != std::string::npos);
    CHECK(faults.find("there is no preset \"nope\"") != std::string::npos);
    CHECK(faults.find("channels[1].preset") != std::string::npos);
    CHECK(faults.find("AV1") != std::string::npos);
    CHECK(faults.find("channels[2]") == std::string::npos);
}

TEST_CASE("the start message says where to publish and where to watch") {
    ServeSettings settings;
    settings.publish.keys.push_back({"*/*", "long-enough", {}, {}});
    const auto text = start_message(
        {"rtmp://127.0.0.1:1935", "", "srt://127.0.0.1:8890", "http://127.0.0.1:8080", ""},
        settings,
        "live/NAME");
    CHECK(text == R"(StreamGate listens on
  rtmp://127.0.0.1:1935/live/NAME?key=KEY
  srt://127.0.0.1:8890?streamid=#!::r=live/NAME,m=publish,s=KEY
  http://127.0.0.1:8080/
Publish, for example
  ffmpeg -re -i film.mp4 -c copy -f flv 'rtmp://127.0.0.1:1935/live/NAME?key=KEY'
Watch
  http://127.0.0.1:8080/
  http://127.0.0.1:8080/live/NAME/index.m3u8  (HLS)
  http://127.0.0.1:8080/live/NAME/manifest.mpd  (DASH)
)");
}
