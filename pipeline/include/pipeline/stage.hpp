#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include <base/result.hpp>
#include <pipeline/item.hpp>

namespace sg::pipeline {

enum class Flow {
    kContinue,
    kDone,  ///< "I need nothing more": not an error; the sender stops sending here
};

/// Where a stage puts what it makes. Lives for one process() call. emit() may run the next stage
/// before it returns.
class Emit {
  public:
    virtual ~Emit() = default;
    /// kDone when nobody behind `port` wants more.
    [[nodiscard]] virtual Result<Flow> emit(int port, Item item) = 0;
};

/// A passive step: no thread, queue, clock or waiting inside. Called by one thread at a time, never
/// again after EndOfStream came on all its ports, after it returned kDone or after an error. On
/// EndOfStream it drains, then emits EndOfStream once on each output port. A StreamStart in
/// mid-stream is a change of format: drain, then go on with the new one.
class Stage {
  public:
    virtual ~Stage() = default;
    [[nodiscard]] virtual Result<Flow> process(int port, Item item, Emit& out) = 0;
};

struct PortItem {
    int port = 0;
    Item item;
};

/// Where items come from; the only thing in a graph that may block. Own lane.
class Source {
  public:
    virtual ~Source() = default;
    /// The next item. Must return kCancelled within a second of a stop request. After EndOfStream
    /// came on every port it is not called again.
    [[nodiscard]] virtual Result<PortItem> read(std::stop_token stop) = 0;
};

}  // namespace sg::pipeline
