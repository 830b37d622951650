// SPDX-License-Identifier: Apache-2.0
#include "processes.hpp"

#include <retinue/detail/printable.hpp>
#include <retinue/error.hpp>
#include <retinue/models/device.hpp>
#if RETINUE_HAS_GLOO
#include <retinue/train/gloo_group.hpp>
#endif
#if RETINUE_HAS_NCCL
#include <retinue/train/nccl_group.hpp>
#endif

#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

using retinue::fail;
using retinue::meeting;

meeting meeting_of(const training_arguments& a)
{
  using retinue::detail::number_of_environment;
  meeting where = a.world > 0 ? meeting{} : retinue::meeting_of_environment();
  if (a.world > 0) where.size = a.world;
  if (a.rank)
    where.rank = *a.rank;
  else if (a.world > 0)
    where.rank = number_of_environment("RANK", 0, where.size - 1).value_or(0);
  if (where.rank >= where.size)
    fail("--rank is ", where.rank, ", of --world ", where.size, " expected 0 to ", where.size - 1);
  if (a.meet.empty()) return where;
  const auto colon = a.meet.rfind(':');
  const char* const last = a.meet.data() + a.meet.size();
  int port = 0;
  if (colon != std::string::npos && colon > 0) {
    const auto read = std::from_chars(a.meet.data() + colon + 1, last, port);
    if (read.ec != std::errc() || read.ptr != last) port = 0;
  }
  if (port < 1 || port > 65535)
    fail("--meet is '", a.meet, "', expected HOST:PORT, as 127.0.0.1:29500");
  where.host = a.meet.substr(0, colon);
  where.port = static_cast<std::uint16_t>(port);
  return where;
}

int threads_of(const meeting& where)
{
  const bool here = where.host == "localhost" || where.host.starts_with("127.");
  const int beside = retinue::detail::number_of_environment("LOCAL_WORLD_SIZE", 1, where.size)
                         .value_or(here ? where.size : 1);
  return beside == 1 ? 0
                     : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / beside);
}

std::unique_ptr<retinue::process_group> meet(const meeting& where, training_arguments& a)
{
  if (where.size == 1) return nullptr;
  if (where.rank == 0)
    std::cerr << "waiting for " << where.size - 1 << " more at "
              << retinue::detail::printable(where.host) << ":" << where.port << "\n";
  if (const auto own = retinue::detail::number_of_environment("LOCAL_RANK", 0, where.size - 1);
      own && a.device == "cuda")
    a.device = "cuda:" + std::to_string(*own);
  if (retinue::find_device(a.device).is_cuda()) {
#if RETINUE_HAS_NCCL
    return std::make_unique<retinue::nccl_group>(where);
#else
    fail("this program was built without NCCL, over which CUDA devices train together");
#endif
  }
#if RETINUE_HAS_GLOO
  return std::make_unique<retinue::gloo_group>(where);
#else
  fail(
      "this program was built without gloo's headers (Debian: libgloo-dev), so that it trains "
      "alone, and not with --world ",
      where.size);
#endif
}
