// The child of the encoder tests: sends every unit of sound back as a sample, or misbehaves.
// usage: fake_encoder echo|crash-once|hang-once|refuse [FLAG]; "once": while FLAG is not there.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <variant>

#include <unistd.h>

#include <engine/live_link.hpp>
#include <process/channel.hpp>
#include <process/supervisor.hpp>
#include <process/task_server.hpp>

using namespace sg;

namespace {

/// AAC-LC, 48 kHz, stereo.
engine::LiveRenditions renditions(int track) {
    engine::LiveRenditionInfo info;
    info.name = "audio";
    info.codec = formats::Codec::kAac;
    info.extradata = {std::byte{0x11}, std::byte{0x90}};
    info.source_track = track;
    return {{info}};
}

bool first_time(std::string_view flag) {
    const std::filesystem::path path(flag);
    if (flag.empty() || std::filesystem::exists(path)) return false;
    std::ofstream(path) << "was here";
    return true;
}

Result<std::string> echo(process::Channel& media, std::string_view mode, bool misbehave) {
    if (mode == "refuse") return Error{Errc::kUnsupported, "the preset is not to my liking"};
    int units = 0;
    for (;;) {
        auto message = media.receive();
        if (!message) return message.error();
        auto input = engine::decode_live_input(message->payload);
        if (!input) return input.error();
        if (std::holds_alternative<engine::LiveFinish>(*input)) return std::string("{}");
        const auto* unit = std::get_if<ingest::TimedUnit>(&*input);
        if (unit == nullptr) continue;
        using process::MessageType;
        if (units++ == 0)
            SG_TRY(media.send(MessageType::kMedia, engine::encode(renditions(unit->track))));
        SG_TRY(media.send(MessageType::kMedia,
                          engine::encode(engine::LiveEncodedSample{
                              0, unit->pts_ns, unit->dts_ns, true, unit->data})));
        if (!misbehave || units < 5) continue;
        if (mode == "crash-once") std::abort();
        for (;;) ::pause();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    const bool misbehave = mode.ends_with("-once") && first_time(argc > 2 ? argv[2] : "");
    return process::serve_task(process::kTaskChannelFd,
                               [&](std::string_view,
                                   std::vector<UniqueFd> fds,
                                   const process::ProgressSender&,
                                   std::stop_token) -> Result<std::string> {
                                   process::Channel media(std::move(fds.front()), {});
                                   return echo(media, mode, misbehave);
                               });
}
