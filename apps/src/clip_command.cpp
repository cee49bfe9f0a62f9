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

}  // namespace

ExitCode run_clip(const ClipOptions& options) {
    const auto request = request_of(options);
    if (!request) return complain(ExitCode::kUsage, request.error().message);
    const auto made = live::make_clip(*request);
    if (!made) {
        const bool usage = made.error().code == Errc::kInvalidArgument;
        return complain(usage ? ExitCode::kUsage : ExitCode::kSomeFailed, made.error().message);
    }
    if (options.json) {
        const nlohmann::json facts{{"channel", request->channel},
                                   {"output", options.output},
                                   {"begins", rfc3339(made->begins)},
                                   {"milliseconds", made->length.count()},
                                   {"segments", made->segments},
                                   {"bytes", made->bytes}};
        (void)write_text(STDOUT_FILENO, facts.dump() + "\n");
        return ExitCode::kSuccess;
    }
    (void)write_text(STDOUT_FILENO,
                     fmt::format("{}/index.m3u8 and manifest.mpd: {:.1f} s from {}\n",
                                 options.output,
                                 static_cast<double>(made->length.count()) / 1000,
                                 rfc3339(made->begins)));
    return ExitCode::kSuccess;
}

}  // namespace sg::apps
