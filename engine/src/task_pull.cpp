#include <array>
#include <utility>

#include <fmt/format.h>

#include <engine/pull_task.hpp>
#include <ingest/pulled_media.hpp>
#include <process/channel.hpp>

#include "task.hpp"
#include "test_card.hpp"

namespace sg::engine {
namespace {

using Kind = PullTask::Kind;

constexpr std::array<std::pair<Kind, const char*>, 4> kKinds{{{Kind::kRtsp, "rtsp"},
                                                              {Kind::kFileLoop, "file"},
                                                              {Kind::kTestCard, "test-card"},
                                                              {Kind::kSlate, "slate"}}};

/// To the channel. One thread at a time. A channel that has gone ends the input.
class Sender final : public ingest::PulledMedia {
  public:
    Sender(UniqueFd socket, std::stop_token stop)
        : channel_(std::move(socket), {}), stop_(std::move(stop)) {}

    Status on_track(const ingest::PulledTrack& track) override {
        LiveSourceTrack out;
        out.id = track.id;
        out.codec = track.codec;
        out.language = track.language;
        out.extradata = track.extradata;
        return send(encode(out));
    }
    Status on_unit(ingest::TimedUnit unit) override { return send(encode(unit)); }
    Status finish() { return send(encode(LiveFinish{})); }

  private:
    Status send(std::string payload) {
        return channel_.send(
            process::MessageType::kMedia, std::move(payload), {}, process::Wait{stop_, {}});
    }

    process::Channel channel_;
    const std::stop_token stop_;
};

Status run(const TaskRequest& request, Kind kind, Sender& sender, const std::stop_token& stop) {
    switch (kind) {
        case Kind::kRtsp:
            return ingest::pull_rtsp(request.location, sender, stop);
        case Kind::kFileLoop:
            return ingest::loop_file(request.location, sender, stop);
        case Kind::kTestCard:
            return make_test_card(sender, stop);
        case Kind::kSlate:
            SG_TRY(make_slate(request.location, sender, stop));
            return sender.finish();
    }
    return Error{Errc::kInternal, "pull an input of no kind"};
}

}  // namespace

std::string PullTask::request() const {
    TaskRequest request;
    request.kind = TaskKind::kPull;
    request.source_name = channel;
    request.location = url;
    for (const auto& [value, name] : kKinds) {
        if (value == kind) request.pull = name;
    }
    return request.to_json();
}

Result<std::string> run_pull_task(const TaskRequest& request, TaskContext& context) {
    if (context.fds.empty())
        return Error{Errc::kInternal, "pull an input: the request came without its socket"};
    Sender sender(std::move(context.fds.front()), context.stop);
    for (const auto& [kind, name] : kKinds) {
        if (request.pull != name) continue;
        SG_TRY(run(request, kind, sender, context.stop));
        return std::string("{}");
    }
    return Error{Errc::kUnsupported, "pull an input of an unknown kind"};
}

}  // namespace sg::engine
