#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <pipeline/stage.hpp>

namespace sg::test {

/// Drives one Stage by hand, without threads, and keeps what it emits. The stage's contract is
/// checked on the way: an item after EndOfStream or on a port that does not exist throws
/// std::logic_error, and so does calling an ended stage.
class StageHarness final : private pipeline::Emit {
  public:
    StageHarness(std::unique_ptr<pipeline::Stage> stage, int inputs, int outputs);
    ~StageHarness() override;

    [[nodiscard]] Result<pipeline::Flow> push(int port, pipeline::Item item);
    /// StreamStart.
    [[nodiscard]] Result<pipeline::Flow> start(int port, media::StreamInfoPtr info);
    /// EndOfStream; after the last open input also checks that every output that is still wanted
    /// has ended.
    [[nodiscard]] Result<pipeline::Flow> end(int port);

    /// From now on this output answers kDone, as when nobody behind it wants more.
    void refuse(int port) { refused_.at(static_cast<std::size_t>(port)) = true; }

    /// What came out of an output so far.
    [[nodiscard]] const std::vector<pipeline::Item>& emitted(int port = 0) const;
    /// The same, handed over: emitted() starts empty again.
    [[nodiscard]] std::vector<pipeline::Item> take(int port = 0);
    [[nodiscard]] bool ended(int port = 0) const {
        return ended_.at(static_cast<std::size_t>(port));
    }
    template <class T>
    [[nodiscard]] std::vector<const T*> all(int port = 0) const {
        std::vector<const T*> found;
        for (const auto& item : emitted(port)) {
            if (const auto* held = std::get_if<T>(&item)) found.push_back(held);
        }
        return found;
    }

    [[nodiscard]] pipeline::Stage& stage() { return *stage_; }

  private:
    [[nodiscard]] Result<pipeline::Flow> emit(int port, pipeline::Item item) override;

    std::unique_ptr<pipeline::Stage> stage_;
    int open_inputs_;
    bool finished_ = false;
    std::vector<std::vector<pipeline::Item>> items_;
    std::vector<bool> ended_;
    std::vector<bool> refused_;
};

}  // namespace sg::test
