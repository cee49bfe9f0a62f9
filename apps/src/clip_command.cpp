#include <unistd.h>

#include <fmt/format.h>
#include <live/channel_registry.hpp>
#include <live/dvr_clip.hpp>
#include <nlohmann/json.hpp>

#include <base/clock.hpp>

#include "commands.hpp"
#include "terminal.hpp"

namespace sg::apps {
namespace {

/// "NAME" alone is of the application "live", as everywhere.
Result<live::ClipRequest> request_of(const ClipOptions& options) {
    live::ClipRequest request;
    request.store = options.data;
    request.output = options.output;
    request.channel = options.channel.find('/') == std::string::npos ? "live/" + options.channel
                                                                     : options.channel;
    if (!live::valid_channel_name(request.channel))
        return Error{
            Errc::kInvalidArgument,
            fmt::format("'{}' is no channel; give its name, as in live/NAME", options.channel)};
    if (!options.from.empty()) {
        SG_TRY_ASSIGN(request.from, live::parse_clip_point(options.from));
    }
    if (!options.to.empty()) {
        SG_TRY_ASSIGN(request.to, live::parse_clip_point(options.to));
    }
    return request;
}

nlohmann::json facts_of(const ClipOptions& options,
                        const std::string& channel,
                        const live::ClipSummary& made) {
    nlohmann::json facts{{"channel", channel},
                         {"output", options.output},
                         {"begins", rfc3339(made.begins)},
                         {"ends", rfc3339(made.ends)},
                         {"milliseconds", made.length.count()},
                         {"segments", made.segments},
                         {"bytes", made.bytes},
                         {"stretches", nlohmann::json::array()},
                         {"notes", made.notes}};
    for (const auto& s : made.stretches)
        facts["stretches"].push_back({{"begins", rfc3339(s.begins)},
                                      {"ends", rfc3339(s.ends)},
                                      {"milliseconds", s.length.count()}});
    return facts;
}

std::string words_of(const ClipOptions& options, const live::ClipSummary& made) {
    const auto span = [](const auto& s) {
        return fmt::format("{:.1f} s from {} to {}",
                           static_cast<double>(s.length.count()) / 1000,
                           rfc3339(s.begins),
                           rfc3339(s.ends));
    };
    auto text = fmt::format("{}/index.m3u8 and manifest.mpd: {}", options.output, span(made));
    if (made.stretches.size() == 1) return text + "\n";
    text += fmt::format(", in {} stretches\n", made.stretches.size());
    for (const auto& s : made.stretches) text += "  " + span(s) + "\n";
    return text;
}

}  // namespace

ExitCode run_clip(const ClipOptions& options) {
    const auto request = request_of(options);
    if (!request) return complain(ExitCode::kUsage, request.error().message);
    const auto made = live::make_clip(*request);
    if (!made) {
        const bool usage = made.error().code == Errc::kInvalidArgument;
        return complain(usage ? ExitCode::kUsage : ExitCode::kSomeFailed, made.error().message);
    }
    for (const auto& note : made->notes) (void)complain(ExitCode::kSuccess, "warning: " + note);
    (void)write_text(STDOUT_FILENO,
                     options.json ? facts_of(options, request->channel, *made).dump() + "\n"
                                  : words_of(options, *made));
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
