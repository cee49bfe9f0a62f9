#include "slate.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <engine/pull_task.hpp>

#include "child_media.hpp"
#include "encoder_session.hpp"

namespace sg::live {
namespace {

/// Pictures that are due within this go together.
constexpr auto kTogether = std::chrono::milliseconds(60);
constexpr std::size_t kMostBytes = std::size_t{32} << 20;

/// Collects what the child sends, and goes when that is over.
class SlateMaker final : public std::enable_shared_from_this<SlateMaker>,
                         private EncoderSession::Owner {
  public:
    using Done = std::function<void(Result<std::shared_ptr<const SlateLoop>>)>;

    explicit SlateMaker(Done done) : done_(std::move(done)) {}

    void start(const std::string& image, const PullContext& context) {
        engine::PullTask task;
        task.kind = engine::PullTask::Kind::kSlate;
        task.channel = context.channel;
        task.url = image;
        EncoderSession::Program program;
        program.executable = context.executable;
        program.argv = context.argv;
        program.request = task.request();
        program.label = context.channel;
        auto session = EncoderSession::start(std::move(program), context.home, *this);
        if (!session) {
            done_(session.error());
            return;
        }
        session_ = std::move(*session);
        self_ = shared_from_this();
    }

  private:
    void on_message(std::string payload) override {
        if (over_) return;
        auto message = engine::decode_live_input(payload);
        if (!message) {
            over(message.error());
        } else if (const auto* described = std::get_if<engine::LiveSourceTrack>(&*message)) {
            auto track = live_track_of(*described);
            if (track) {
                loop_->tracks.push_back(std::move(*track));
            } else {
                over(track.error());
            }
        } else if (auto* timed = std::get_if<ingest::TimedUnit>(&*message)) {
            bytes_ += timed->data.size();
            loop_->units.push_back(live_unit_of(std::move(*timed)));
            if (bytes_ > kMostBytes) over(Error{Errc::kLimit, "make a slate: it is too large"});
        } else if (std::holds_alternative<engine::LiveFinish>(*message)) {
            over({});
        }
    }
    void on_batch() override {
        if (over_) leave();
    }
    void on_writable() override {}
    void on_gone(std::string how) override {
        session_.reset();
        over(Error{Errc::kCrashed, std::move(how)});
        leave();
    }

    void over(Status status) {
        if (std::exchange(over_, true)) return;
        auto& units = loop_->units;
        if (status && (units.empty() || loop_->tracks.empty()))
            status = Error{Errc::kBadData, "make a slate: nothing came"};
        if (!status) {
            done_(status.error());
            return;
        }
        std::stable_sort(
            units.begin(), units.end(), [](const auto& a, const auto& b) { return a.dts < b.dts; });
        loop_->duration_ns = engine::PullTask::kSlateLoopNs;
        done_(std::shared_ptr<const SlateLoop>(std::move(loop_)));
    }
    void leave() {
        if (session_) session_->end();
        session_.reset();
        self_.reset();
    }

    Done done_;
    std::shared_ptr<SlateMaker> self_;
    std::shared_ptr<EncoderSession> session_;
    std::unique_ptr<SlateLoop> loop_ = std::make_unique<SlateLoop>();
    std::size_t bytes_ = 0;
    bool over_ = false;
};

}  // namespace

void make_slate_loop(const std::string& image,
                     const PullContext& context,
                     std::function<void(Result<std::shared_ptr<const SlateLoop>>)> done) {
    std::make_shared<SlateMaker>(std::move(done))->start(image, context);
}

void SlatePlayer::start(std::shared_ptr<ChannelFeed> feed) {
    feed_ = std::move(feed);
    begin_ = clock_.now();
    next_ = 0;
    round_ = 0;
    feed_->arrived(begin_);
    for (const auto& track : loop_->tracks) feed_->on_track(track);
    play();
}

void SlatePlayer::stop() {
    timer_.cancel();
    // Its last reference may be in our caller's hands.
    if (const auto feed = std::exchange(feed_, nullptr)) feed->close();
}

std::int64_t SlatePlayer::next_ns() const {
    return round_ * loop_->duration_ns + loop_->units[next_].dts;
}

void SlatePlayer::play() {
    const auto feed = feed_;
    if (!feed || feed->replaced()) return;
    const auto now = clock_.now();
    feed->arrived(now);
    while (feed_ && begin_ + std::chrono::nanoseconds(next_ns()) <= now) {
        auto unit = loop_->units[next_];
        unit.pts += round_ * loop_->duration_ns;
        unit.dts += round_ * loop_->duration_ns;
        if (++next_ == loop_->units.size()) {
            next_ = 0;
            ++round_;
        }
        feed->on_unit(std::move(unit));
    }
    feed->batch_done();
    if (!feed_) return;
    timer_.expires_at(begin_ + std::chrono::nanoseconds(next_ns()) + kTogether);
    timer_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& failed) {
        const auto self = weak.lock();
        if (!failed && self) (*self)->play();
    });
}

}  // namespace sg::live
