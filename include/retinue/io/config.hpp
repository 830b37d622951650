// SPDX-License-Identifier: Apache-2.0
// Configurations of detectors: as JSON, by the name of a preset, or guessed from weights.
#pragma once

#include <retinue/io/config/detector_config.hpp>  // what a file of weights does not say
#include <retinue/io/config/guess.hpp>            // guess_config, check_weights
#include <retinue/io/config/json.hpp>             // read_config, parse_config, to_json
#include <retinue/io/config/presets.hpp>          // presets, find_preset
#include <retinue/io/config/ssd_config.hpp>       // ssd_config, ssd_presets, find_ssd_preset
#include <retinue/io/config/ssd_json.hpp>         // read_ssd_config, parse_ssd_config, to_json
