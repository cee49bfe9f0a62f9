#include <utility>
#include <variant>

#include <fmt/format.h>

#include <base/log.hpp>
#include <engine/live_link.hpp>
#include <engine/pull_task.hpp>

#include "child_media.hpp"
#include "encoder_session.hpp"
#include "pull_source.hpp"

namespace sg::live {
namespace {

class ChildPull final : public PullSource, private EncoderSession::Owner {
  public:
    ChildPull(engine::PullTask task, const PullContext& context, PullOwner& owner)
        : task_(std::move(task)), context_(context), owner_(owner) {}
    ~ChildPull() override {
        if (session_) session_->end();
    }

    void start() override {
        EncoderSession::Program program;
        program.executable = context_.executable;
        program.argv = context_.argv;
        program.request = task_.request();
        program.label = context_.channel;
        auto session = EncoderSession::start(std::move(program), context_.home, *this);
        if (session) {
            session_ = std::move(*session);
        } else {
            owner_.on_gone(session.error());
        }
    }

  private:
    void on_message(std::string payload) override {
        if (failed_) return;
        auto message = engine::decode_live_input(payload);
        if (!message) {
            fail(message.error());
            return;
        }
        auto* feed = owner_.feed(kChildClock);
        if (feed == nullptr) return;
        feed->arrived(context_.clock.now());
        if (const auto* described = std::get_if<engine::LiveSourceTrack>(&*message)) {
            const auto track = live_track_of(*described);
            if (!track) {
                fail(track.error());
                return;
            }
            feed->on_track(*track);
        } else if (auto* timed = std::get_if<ingest::TimedUnit>(&*message)) {
            feed->on_unit(live_unit_of(std::move(*timed)));
        } else if (const auto* end = std::get_if<engine::LiveTrackEnd>(&*message)) {
            feed->on_track_end(end->track);
        }
    }
    void on_batch() override { owner_.delivered(); }
    void on_writable() override {}
    void on_gone(std::string how) override {
        session_.reset();
        owner_.on_gone({Errc::kCrashed, std::move(how)});
    }

    /// Called from within the session: it goes with us.
    void fail(const Error& why) {
        if (!std::exchange(failed_, true)) owner_.on_gone(why);
    }

    const engine::PullTask task_;
    const PullContext context_;
    PullOwner& owner_;
    std::shared_ptr<EncoderSession> session_;
    bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<PullSource>> make_child_pull(const InputSettings& input,
                                                    const PullContext& context,
                                                    PullOwner& owner) {
    engine::PullTask task;
    task.channel = context.channel;
    task.url = input.url;
    switch (input.kind) {
        case InputKind::kTestCard:
            task.kind = engine::PullTask::Kind::kTestCard;
            break;
        case InputKind::kFileLoop:
            task.kind = engine::PullTask::Kind::kFileLoop;
            break;
        case InputKind::kPull:
        case InputKind::kPublish:
            task.kind = engine::PullTask::Kind::kRtsp;
            break;
    }
    return std::unique_ptr<PullSource>(
        std::make_unique<ChildPull>(std::move(task), context, owner));
}

}  // namespace sg::live
