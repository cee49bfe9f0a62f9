#include <algorithm>

#include <fmt/format.h>

#include <engine/planner.hpp>

#include "input_run.hpp"

// What schedules and displays want to know of an input: which task is best started next, what it
// will cost, how far all of it is.
namespace sg::engine {
namespace {

using pipeline::RenditionMode;

/// A chunk's encoders keep about two processors busy (default_jobs() in run_job.cpp).
constexpr double kProcessorsOfChunk = 2;
// Guesses for what is not encoding, in seconds a second of media.
constexpr double kPackagingCost = 0.004;
constexpr double kVerifyingCost = 0.01;
constexpr double kShortTask = 0.2;  // seconds: its start and end

// Shares of an input's progress that encoding has not.
constexpr double kBeforeEncoding = 0.02;
constexpr double kEncoding = 0.93;
constexpr double kAfterEncoding = 0.04;

std::string task_name(TaskKind kind, std::int64_t chunk) {
    return kind == TaskKind::kVideo ? fmt::format("chunk-{:05}", chunk) : task_kind_name(kind);
}

}  // namespace

InputRun::Work InputRun::make_work(TaskKind kind, std::int64_t chunk) const {
    Work work;
    work.kind = kind;
    work.name = task_name(kind, chunk);
    work.chunk = chunk;
    work.expected_s = kShortTask;
    const double seconds = summary_.duration_s;
    switch (kind) {
        case TaskKind::kSpool:
        case TaskKind::kPlan:
            work.weight = TaskWeight::kLight;
            break;
        case TaskKind::kVideo: {
            const auto share =
                static_cast<double>(plan_.video.chunks[static_cast<std::size_t>(chunk)].frames) /
                static_cast<double>(std::max<std::int64_t>(1, plan_.video.grid.frames));
            work.media_s = seconds * share;
            work.expected_s += estimate(plan_, 1).video_cpu_seconds * share / kProcessorsOfChunk;
            break;
        }
        case TaskKind::kAudio:
            // One thread of little work: beside the pictures it costs less than their encoders
            // leave idle.
            if (!plan_.video.chunks.empty()) work.weight = TaskWeight::kBeside;
            work.media_s = seconds;
            work.expected_s += estimate(plan_, 1).audio_cpu_seconds;
            break;
        case TaskKind::kCopy:
        case TaskKind::kPackage:
            work.media_s = seconds;
            work.expected_s += seconds * kPackagingCost;
            break;
        case TaskKind::kVerify:
        case TaskKind::kQuality:
            work.media_s = seconds;
            work.expected_s += seconds * kVerifyingCost;
            break;
        case TaskKind::kProbe:
        case TaskKind::kLive:
        case TaskKind::kPull:
            break;  // never part of a job
    }
    return work;
}

TaskFacts InputRun::facts_of(const Work& work) const {
    TaskFacts facts;
    facts.input = setup_.index;
    facts.name = work.name;
    facts.weight = work.weight;
    facts.attempt = work.attempt;
    facts.expected_s = work.expected_s;
    facts.media_s = work.media_s;
    return facts;
}

std::deque<InputRun::Work>::iterator InputRun::best_waiting(const TaskRoom& room) {
    const auto fits = [&](const Work& work) {
        switch (work.weight) {
            case TaskWeight::kLight:
                return room.light;
            case TaskWeight::kHeavy:
                return room.heavy;
            case TaskWeight::kBeside:
                return room.beside;
        }
        return false;
    };
    // Sound is one long task that nothing can share: first. The first of equals: chunks in order.
    const auto rank = [&](const Work& work) {
        const bool in_order = setup_.publish == PublishMode::kEarly;
        return std::pair(work.kind == TaskKind::kAudio, in_order ? 0.0 : work.expected_s);
    };
    auto best = waiting_.end();
    for (auto work = waiting_.begin(); work != waiting_.end(); ++work) {
        if (fits(*work) && (best == waiting_.end() || rank(*work) > rank(*best))) best = work;
    }
    return best;
}

std::vector<TaskFacts> InputRun::waiting() const {
    std::vector<TaskFacts> all;
    for (const auto& work : waiting_) all.push_back(facts_of(work));
    return all;
}

InputStage InputRun::stage() const {
    switch (phase_) {
        case Phase::kNew:
            return InputStage::kWaiting;
        case Phase::kSpooling:
        case Phase::kPlanning:
            return InputStage::kPlanning;
        case Phase::kEncoding:
        case Phase::kPackaging:
            return InputStage::kRunning;
        case Phase::kVerifying:
        case Phase::kMeasuring:
            return InputStage::kVerifying;
        case Phase::kPublishing:
            return InputStage::kPublishing;
        case Phase::kDone:
            return InputStage::kDone;
    }
    return InputStage::kWaiting;
}

EncodingCost cost_of(const pipeline::Plan& plan) {
    EncodingCost cost;
    for (const auto& r : plan.video.renditions) {
        if (r.mode == RenditionMode::kCopy || r.height <= cost.height) continue;
        cost.codec = std::string(media::codec_name(r.codec));
        cost.height = r.height;
        for (const auto& [key, value] : r.encoder.options) {
            if (key == "preset" || key == "cpu-used") cost.speed_preset = value;
        }
    }
    return cost;
}

EncodingCost InputRun::cost() const {
    return cost_of(plan_);
}

double InputRun::fraction() const {
    switch (phase_) {
        case Phase::kNew:
        case Phase::kSpooling:
            return 0;
        case Phase::kPlanning:
            return kBeforeEncoding * progress_.fraction();
        case Phase::kEncoding:
            return kBeforeEncoding + kEncoding * progress_.fraction();
        case Phase::kPackaging:
            return kBeforeEncoding + kEncoding;
        case Phase::kVerifying:
        case Phase::kMeasuring:
            return kBeforeEncoding + kEncoding + kAfterEncoding * progress_.fraction();
        case Phase::kPublishing:
            return kBeforeEncoding + kEncoding + kAfterEncoding;
        case Phase::kDone:
            return 1;
    }
    return 0;
}

double InputRun::speed() const {
    return phase_ == Phase::kEncoding ? progress_.speed() : 0;
}

double InputRun::heavy_seconds_left() const {
    double after = 0;
    switch (phase_) {
        case Phase::kEncoding:
        case Phase::kPackaging:
            if (setup_.verify != VerifyMode::kOff)
                after = kShortTask + summary_.duration_s * kVerifyingCost;
            break;
        case Phase::kVerifying:
        case Phase::kMeasuring:
            break;
        default:
            return 0;
    }
    if (phase_ == Phase::kEncoding)
        return after + (1 - progress_.fraction()) * estimate(plan_, 1).video_cpu_seconds /
                           kProcessorsOfChunk;
    double left = after;
    for (const auto& work : waiting_) left += work.expected_s;
    for (const auto& [id, work] : running_) left += work.expected_s;
    return left;
}

}  // namespace sg::engine
