#include "channel_document.hpp"

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::apps;
using namespace sg::test;
using nlohmann::json;

namespace {

struct Documents {
    Documents() {
        std::ofstream(folder / "loop.mp4") << "x";
        auto opened = jobs::AllowedRoots::open({folder.path()});
        REQUIRE(opened);
        roots.emplace(std::move(*opened));
    }
    [[nodiscard]] api::ChannelDraft read(const json& document,
                                         const std::string& before = {}) const {
        return read_channel_document("live/one", document.dump(), before, *roots);
    }
    [[nodiscard]] std::string fault(const json& document) const {
        const auto draft = read(document);
        if (draft.faults.empty()) return {};
        return draft.faults.front().code + " " + draft.faults.front().pointer;
    }

    TempFolder folder;
    std::optional<jobs::AllowedRoots> roots;
};

}  // namespace

TEST_CASE("a channel's document is that of the configuration file") {
    const Documents documents;
    const auto draft = documents.read({{"inputs", {{{"kind", "test-card"}, {"name", "card"}}}},
                                       {"output", {{"segment", "1s"}, {"part", "200ms"}}},
                                       {"recording", {{"enabled", true}}}});
    REQUIRE(draft.faults.empty());
    CHECK(draft.settings.name == "live/one");
    CHECK(draft.settings.inputs.front().kind == live::InputKind::kTestCard);
    CHECK(draft.settings.output.segment == std::chrono::seconds(1));
    CHECK(draft.settings.recording.enabled);
    // What is shown can be sent back.
    const auto again = documents.read(json::parse(channel_as_json(draft.settings)));
    REQUIRE(again.faults.empty());
    CHECK(channel_as_json(again.settings) == channel_as_json(draft.settings));
}

TEST_CASE("a channel's secrets are never shown, and stay when they are sent back hidden") {
    const Documents documents;
    const json restream{{{"name", "cdn"}, {"url", "rtmp://cdn.example/live/key-of-mine"}}};
    const auto draft =
        documents.read({{"srt", {{"passphrase", "correct horse"}}}, {"restream", restream}});
    // A passphrase with a space is refused without its text.
    REQUIRE(draft.faults.size() == 1);
    CHECK(draft.faults.front().detail.find("horse") == std::string::npos);
    const auto good =
        documents.read({{"srt", {{"passphrase", "correct-horse"}}}, {"restream", restream}});
    REQUIRE(good.faults.empty());
    const auto shown = channel_as_json(good.settings);
    CHECK(shown.find("horse") == std::string::npos);
    CHECK(shown.find("key-of-mine") == std::string::npos);
    const auto again = documents.read(json::parse(shown), good.kept);
    REQUIRE(again.faults.empty());
    CHECK(again.settings.srt.passphrase == "correct-horse");
    CHECK(again.settings.restream.front().url == "rtmp://cdn.example/live/key-of-mine");
}

TEST_CASE("faults of a channel's document name its members") {
    const Documents documents;
    CHECK(documents.fault({{"output", {{"prat", "1s"}}}}) == "unknown_field /output/prat");
    CHECK(documents.fault({{"inputs", {{{"kind", "pull"}}}}}) == "invalid_value /inputs/0/url");
    CHECK(documents.fault({{"output", {{"part", "soon"}}}}) == "invalid_value /output/part");
    CHECK(documents.fault({{"name", "live/two"}}) == "invalid_value /name");
    CHECK(documents.fault(json::array()) == "malformed_json ");
}

TEST_CASE("a channel's document names only files that it may") {
    const Documents documents;
    const auto file = [](const std::string& path) {
        return json{{"inputs", {{{"kind", "file"}, {"url", path}}}}};
    };
    CHECK(documents.fault(file((documents.folder / "loop.mp4").string())).empty());
    CHECK(documents.fault(file("/etc/passwd")) == "not_allowed /inputs/0/url");
    CHECK(documents.fault({{"slate", {{"enabled", true}, {"image", "/etc/passwd"}}}}) ==
          "not_allowed /slate/image");
    CHECK(documents.fault({{"srt", {{"passphrase_file", "/etc/shadow"}}}}) == "not_allowed ");
}
