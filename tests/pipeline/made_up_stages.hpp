#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <pipeline/stage.hpp>
#include <support/media_items.hpp>

namespace sg::test {

/// Calls a function for each item.
class FunctionStage final : public pipeline::Stage {
  public:
    using Function = std::function<Result<pipeline::Flow>(int, pipeline::Item, pipeline::Emit&)>;
    explicit FunctionStage(Function function) : function_(std::move(function)) {}
    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override {
        return function_(port, std::move(item), out);
    }

  private:
    Function function_;
};

class FunctionSource final : public pipeline::Source {
  public:
    using Function = std::function<Result<pipeline::PortItem>(std::stop_token)>;
    explicit FunctionSource(Function function) : function_(std::move(function)) {}
    [[nodiscard]] Result<pipeline::PortItem> read(std::stop_token stop) override {
        return function_(std::move(stop));
    }

  private:
    Function function_;
};

inline std::unique_ptr<pipeline::Stage> stage(FunctionStage::Function function) {
    return std::make_unique<FunctionStage>(std::move(function));
}
inline std::unique_ptr<pipeline::Source> source(FunctionSource::Function function) {
    return std::make_unique<FunctionSource>(std::move(function));
}

/// Hands on everything from input 0 to output 0.
inline std::unique_ptr<pipeline::Stage> pass() {
    return stage(
        [](int, pipeline::Item item, pipeline::Emit& out) { return out.emit(0, std::move(item)); });
}

/// What a sink saw; read it after the run.
struct Seen {
    std::atomic<int> media{0};
    std::atomic<int> ends{0};
    std::atomic<int> starts{0};
};

inline std::unique_ptr<pipeline::Stage> sink(Seen& seen) {
    return stage(
        [&seen](int, const pipeline::Item& item, pipeline::Emit&) -> Result<pipeline::Flow> {
            if (pipeline::carries_media(item)) ++seen.media;
            if (std::holds_alternative<pipeline::EndOfStream>(item)) ++seen.ends;
            if (std::holds_alternative<pipeline::StreamStart>(item)) ++seen.starts;
            return pipeline::Flow::kContinue;
        });
}

inline media::StreamInfoPtr millisecond_video() {
    return shared(video_info(64, 36, {1, 1000}, {25, 1}));
}

/// `runs` runs of `run` packets for each of `ports` outputs in turn: as coarse an interleave as
/// asked for. 0 runs: for ever.
inline std::unique_ptr<pipeline::Source> interleaved(int ports,
                                                     int run,
                                                     int runs,
                                                     std::atomic<int>* reads = nullptr) {
    struct State {
        std::int64_t at = 0;
        int starts = 0;
        int ends = 0;
    };
    return source([=, state = State{}](std::stop_token) mutable -> Result<pipeline::PortItem> {
        if (reads != nullptr) ++*reads;
        if (state.starts < ports)
            return pipeline::PortItem{state.starts++, pipeline::StreamStart{millisecond_video()}};
        const std::int64_t per_round = static_cast<std::int64_t>(ports) * run;
        if (runs > 0 && state.at >= per_round * runs) {
            return pipeline::PortItem{state.ends++, pipeline::EndOfStream{}};
        }
        const auto at = state.at++;
        const int port = static_cast<int>(at % per_round) / run;
        const auto dts = at / per_round * run + at % run;
        return pipeline::PortItem{port, make_packet({.pts = dts, .dts = dts, .key = true})};
    });
}

/// Lets a test wait for an event of another thread.
class Signal {
  public:
    void raise() {
        const std::lock_guard lock(mutex_);
        raised_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return raised_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool raised_ = false;
};

}  // namespace sg::test
