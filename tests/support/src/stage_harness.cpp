#include <stdexcept>
#include <utility>

#include <support/stage_harness.hpp>

namespace sg::test {
namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

StageHarness::StageHarness(std::unique_ptr<pipeline::Stage> stage, int inputs, int outputs)
    : stage_(std::move(stage)),
      open_inputs_(inputs),
      items_(at(outputs)),
      ended_(at(outputs), false),
      refused_(at(outputs), false) {}

StageHarness::~StageHarness() = default;

Result<pipeline::Flow> StageHarness::push(int port, pipeline::Item item) {
    if (finished_) throw std::logic_error("the test calls a stage that has ended");
    const bool ends = std::holds_alternative<pipeline::EndOfStream>(item);
    auto flow = stage_->process(port, std::move(item), *this);
    if (ends) --open_inputs_;
    if (!flow || *flow == pipeline::Flow::kDone || open_inputs_ == 0) finished_ = true;
    if (flow && finished_) {
        for (std::size_t i = 0; i < ended_.size(); ++i) {
            if (!ended_[i] && !refused_[i]) {
                throw std::logic_error("the stage ended without EndOfStream on output " +
                                       std::to_string(i));
            }
        }
    }
    return flow;
}

Result<pipeline::Flow> StageHarness::start(int port, media::StreamInfoPtr info) {
    return push(port, pipeline::StreamStart{std::move(info)});
}

Result<pipeline::Flow> StageHarness::end(int port) {
    return push(port, pipeline::EndOfStream{});
}

const std::vector<pipeline::Item>& StageHarness::emitted(int port) const {
    return items_.at(at(port));
}

std::vector<pipeline::Item> StageHarness::take(int port) {
    return std::exchange(items_.at(at(port)), {});
}

Result<pipeline::Flow> StageHarness::emit(int port, pipeline::Item item) {
    if (port < 0 || at(port) >= items_.size()) {
        throw std::logic_error("the stage emits to output " + std::to_string(port) +
                               ", which it does not have");
    }
    if (ended_[at(port)]) {
        throw std::logic_error("the stage emits after EndOfStream on output " +
                               std::to_string(port));
    }
    if (refused_[at(port)]) return pipeline::Flow::kDone;
    ended_[at(port)] = std::holds_alternative<pipeline::EndOfStream>(item);
    items_[at(port)].push_back(std::move(item));
    return pipeline::Flow::kContinue;
}

}  // namespace sg::test
