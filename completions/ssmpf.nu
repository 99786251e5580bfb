module completions {

  def "nu-complete ssmpf format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf color" [] {
    [ "auto" "always" "never" ]
  }

  # Port forwarding through AWS Systems Manager, without the AWS CLI or its plugin
  export extern ssmpf [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete ssmpf add format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf add color" [] {
    [ "auto" "always" "never" ]
  }

  # Save a connection
  export extern "ssmpf add" [
    --target: string          # Node: i-…, a Name, tag:KEY=VALUE, an address, asg:GROUP, ecs:CLUSTER/SERVICE[/CONTAINER]
    --host: string            # Host that the node connects to; without it, the node itself
    --port: string            # Port that the node connects to
    -L: string                # Host and ports in the spelling of ssh: [bind:]local:host:port
    --reason: string          # Reason, for the session history and CloudTrail
    --document: string        # SSM document instead of Amazon's own
    --local-port: string      # Local port; `auto` chooses one that stays
    --bind: string            # Local address to listen on [default: localhost, IPv4 and IPv6]
    --kind: string            # What listens there: postgres, mysql, redis, https, ssh, tcp, …; brings the usual port
    --tag: string             # Tag; may be repeated
    --description: string     # A line about it
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --max-age: string         # Close the forward after so long, such as 8h
    --guard                   # Ask before opening it, and want a reason
    --no-guard                # Open it without asking
    --db-user: string         # Database user
    --db-name: string         # Database
    --auth: string            # How the database user signs in: password or iam
    --from: string            # Take what the flags do not say from a pasted `aws ssm start-session …` line
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf add format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf add color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    name?: string             # Name: 1 to 64 letters, digits and `. _ -`
  ]

  def "nu-complete ssmpf ls format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf ls color" [] {
    [ "auto" "always" "never" ]
  }

  # List the connections
  export extern "ssmpf ls" [
    --kind: string            # Only connections of this kind
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf ls format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf ls color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...filters: string        # @tag, or text that is in the name, description, target, destination or a tag
  ]

  def "nu-complete ssmpf show format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf show color" [] {
    [ "auto" "always" "never" ]
  }

  # Show a connection
  export extern "ssmpf show" [
    --as: string              # In other words: aws-cli, ssh-config, env, uri, jdbc or kubeconfig
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf show format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf show color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    name: string              # Connection
  ]

  def "nu-complete ssmpf edit format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf edit color" [] {
    [ "auto" "always" "never" ]
  }

  # Change a connection
  export extern "ssmpf edit" [
    --target: string          # Node: i-…, a Name, tag:KEY=VALUE, an address, asg:GROUP, ecs:CLUSTER/SERVICE[/CONTAINER]
    --host: string            # Host that the node connects to; without it, the node itself
    --port: string            # Port that the node connects to
    -L: string                # Host and ports in the spelling of ssh: [bind:]local:host:port
    --reason: string          # Reason, for the session history and CloudTrail
    --document: string        # SSM document instead of Amazon's own
    --local-port: string      # Local port; `auto` chooses one that stays
    --bind: string            # Local address to listen on [default: localhost, IPv4 and IPv6]
    --kind: string            # What listens there: postgres, mysql, redis, https, ssh, tcp, …; brings the usual port
    --tag: string             # Tag; may be repeated
    --description: string     # A line about it
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --max-age: string         # Close the forward after so long, such as 8h
    --guard                   # Ask before opening it, and want a reason
    --no-guard                # Open it without asking
    --db-user: string         # Database user
    --db-name: string         # Database
    --auth: string            # How the database user signs in: password or iam
    --untag: string           # Take a tag away; may be repeated
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf edit format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf edit color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    name: string              # Connection
  ]

  def "nu-complete ssmpf mv format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf mv color" [] {
    [ "auto" "always" "never" ]
  }

  # Give a connection another name
  export extern "ssmpf mv" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf mv format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf mv color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    from: string              # Connection
    to: string                # New name
  ]

  def "nu-complete ssmpf cp format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf cp color" [] {
    [ "auto" "always" "never" ]
  }

  # Copy a connection; the copy has a local port of its own
  export extern "ssmpf cp" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf cp format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf cp color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    from: string              # Connection
    to: string                # New name
  ]

  def "nu-complete ssmpf rm format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf rm color" [] {
    [ "auto" "always" "never" ]
  }

  # Remove connections
  export extern "ssmpf rm" [
    --yes(-y)                 # Do not ask
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf rm format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf rm color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf connect engine" [] {
    [ "native" "plugin" ]
  }

  def "nu-complete ssmpf connect format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf connect color" [] {
    [ "auto" "always" "never" ]
  }

  # Open saved connections, until Ctrl-C
  export extern "ssmpf connect" [
    --local-port: string      # Another local port this time; `auto` for any free one
    --reason: string          # Reason, for the session history and CloudTrail
    --yes(-y)                 # Do not ask before opening a guarded connection
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --rotate-after: string    # Age at which a session in use is replaced
    --silent-after: string    # Silence of the agent after which it may be gone
    --engine: string@"nu-complete ssmpf connect engine" # What carries the sessions
    --print-address           # Print each local address on stdout once it is ready
    --ping-interval: string   # Seconds between pings to the gateway
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf connect format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf connect color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf up format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf up color" [] {
    [ "auto" "always" "never" ]
  }

  # Open saved connections in the background
  export extern "ssmpf up" [
    --all                     # All connections
    --no-wait                 # Return as soon as the local ports are bound
    --timeout: string         # Longest wait until they are ready, such as 30s [default: 60s, and half a second for each]
    --reason: string          # Reason, for the session history and CloudTrail
    --yes(-y)                 # Do not ask before opening a guarded connection
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --rotate-after: string    # Age at which a session in use is replaced
    --silent-after: string    # Silence of the agent after which it may be gone
    --ping-interval: string   # Seconds between pings to the gateway
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf up format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf up color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf down format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf down color" [] {
    [ "auto" "always" "never" ]
  }

  # End forwards in the background
  export extern "ssmpf down" [
    --all                     # All forwards that are up
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf down format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf down color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf restart format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf restart color" [] {
    [ "auto" "always" "never" ]
  }

  # End and open again forwards in the background; the ports stay the same
  export extern "ssmpf restart" [
    --all                     # All forwards that are up
    --no-wait                 # Return as soon as the local ports are bound
    --timeout: string         # Longest wait until they are ready, such as 30s [default: 60s, and half a second for each]
    --reason: string          # Reason, for the session history and CloudTrail
    --yes(-y)                 # Do not ask before opening a guarded connection
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --rotate-after: string    # Age at which a session in use is replaced
    --silent-after: string    # Silence of the agent after which it may be gone
    --ping-interval: string   # Seconds between pings to the gateway
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf restart format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf restart color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf status format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the forwards in the background
  export extern "ssmpf status" [
    --watch(-w)               # Show it again whenever it changes, until Ctrl-C
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf status format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf status color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag [default: all that are up]
  ]

  def "nu-complete ssmpf logs format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf logs color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what happened to a forward in the background
  export extern "ssmpf logs" [
    --follow(-f)              # Go on with what happens, until Ctrl-C
    --lines(-n): string       # How many lines
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf logs format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf logs color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    name: string              # Connection
  ]

  def "nu-complete ssmpf wait format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf wait color" [] {
    [ "auto" "always" "never" ]
  }

  # Wait until forwards in the background are ready
  export extern "ssmpf wait" [
    --timeout: string         # Longest wait, such as 30s
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf wait format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf wait color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag
  ]

  def "nu-complete ssmpf service format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf service color" [] {
    [ "auto" "always" "never" ]
  }

  # Have connections tagged @autostart come up at login (systemd or launchd)
  export extern "ssmpf service" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf service format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf service color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf service install format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf service install color" [] {
    [ "auto" "always" "never" ]
  }

  # Write the definition for this user
  export extern "ssmpf service install" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf service install format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf service install color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf service uninstall format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf service uninstall color" [] {
    [ "auto" "always" "never" ]
  }

  # Remove it
  export extern "ssmpf service uninstall" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf service uninstall format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf service uninstall color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf service show format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf service show color" [] {
    [ "auto" "always" "never" ]
  }

  # Print it
  export extern "ssmpf service show" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf service show format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf service show color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf forward engine" [] {
    [ "native" "plugin" ]
  }

  def "nu-complete ssmpf forward format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf forward color" [] {
    [ "auto" "always" "never" ]
  }

  # Forward a local port through a node, until Ctrl-C; nothing is saved
  export extern "ssmpf forward" [
    --target: string          # Node: i-…, a Name, tag:KEY=VALUE, an address, asg:GROUP, ecs:CLUSTER/SERVICE[/CONTAINER]
    --host: string            # Host that the node connects to; without it, the node itself
    --port: string            # Port that the node connects to
    -L: string                # Host and ports in the spelling of ssh: [bind:]local:host:port
    --reason: string          # Reason, for the session history and CloudTrail
    --document: string        # SSM document instead of Amazon's own
    --local-port: string      # Local port, or `auto` for any free one [default: auto]
    --bind: string            # Local address to listen on [default: localhost, IPv4 and IPv6]; may be repeated
    --sessions: string        # How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    --lazy                    # Start a session only when a client comes
    --no-lazy                 # Start a session at once
    --idle-timeout: string    # End the sessions after so long without a client, such as 15m, until the next comes
    --keep-alive              # Keep idle sessions open, whatever idle limit the administrator has set
    --no-keep-alive           # Let idle sessions end as the administrator has set
    --rotate-after: string    # Age at which a session in use is replaced
    --silent-after: string    # Silence of the agent after which it may be gone
    --engine: string@"nu-complete ssmpf forward engine" # What carries the session
    --print-address           # Print the local address on stdout once it is ready
    --stdio                   # Connect stdin and stdout instead of listening
    --max-payload: string     # Largest payload of one message
    --ping-interval: string   # Seconds between pings to the gateway
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf forward format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf forward color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf targets format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf targets color" [] {
    [ "auto" "always" "never" ]
  }

  # List what sessions can go to: nodes, machines outside of EC2, ECS containers
  export extern "ssmpf targets" [
    --all-regions             # In every region that is enabled for the account
    --refresh                 # Ask AWS even if there is a recent answer
    --all                     # Also instances that Systems Manager does not know
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf targets format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf targets color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...filters: string        # Only those with this text somewhere in them; several: all of them
  ]

  def "nu-complete ssmpf endpoints format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf endpoints color" [] {
    [ "auto" "always" "never" ]
  }

  # List databases and caches that can be destinations
  export extern "ssmpf endpoints" [
    --all-regions             # In every region that is enabled for the account
    --refresh                 # Ask AWS even if there is a recent answer
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf endpoints format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf endpoints color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...filters: string        # Only those with this text somewhere in them; several: all of them
  ]

  def "nu-complete ssmpf sessions format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf sessions color" [] {
    [ "auto" "always" "never" ]
  }

  # List your live sessions, whichever program started them; or end some
  export extern "ssmpf sessions" [
    --all                     # Everybody's sessions
    --all-regions             # In every region that is enabled for the account
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf sessions format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf sessions color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf sessions end format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf sessions end color" [] {
    [ "auto" "always" "never" ]
  }

  # End sessions
  export extern "ssmpf sessions end" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf sessions end format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf sessions end color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...ids: string            # Ids of sessions
  ]

  def "nu-complete ssmpf import from" [] {
    [ "json" "fernet" "ssh-config" "basti" ]
  }

  def "nu-complete ssmpf import on_conflict" [] {
    [ "rename" "skip" "replace" ]
  }

  def "nu-complete ssmpf import format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf import color" [] {
    [ "auto" "always" "never" ]
  }

  # Take over connections from elsewhere
  export extern "ssmpf import" [
    --dry-run                 # Only say what would be taken
    --on-conflict: string@"nu-complete ssmpf import on_conflict" # What to do with a name that is taken
    --target: string          # Node to go through, for basti, whose file does not name it
    --password-file: path     # The password of the Python manager is the first line of this file
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf import format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf import color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    from: string@"nu-complete ssmpf import from" # What is read
    file?: path               # File, or `-` for stdin [default: where FROM keeps it; stdin for json]
  ]

  def "nu-complete ssmpf export format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf export color" [] {
    [ "auto" "always" "never" ]
  }

  # Write connections as JSON that `import json` reads
  export extern "ssmpf export" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf export format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf export color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...names: string          # Connections, or @tag [default: all]
  ]

  def "nu-complete ssmpf passwd format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf passwd color" [] {
    [ "auto" "always" "never" ]
  }

  # Change the passphrase of the store's key
  export extern "ssmpf passwd" [
    --new-from: path          # The new passphrase is the first line of this file
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf passwd format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf passwd color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf unlock format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf unlock color" [] {
    [ "auto" "always" "never" ]
  }

  # Keep the store's key for this session, so that nobody is asked again
  export extern "ssmpf unlock" [
    --for: string             # For at most so long
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf unlock format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf unlock color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf lock format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf lock color" [] {
    [ "auto" "always" "never" ]
  }

  # Forget the key that `unlock` kept
  export extern "ssmpf lock" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf lock format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf lock color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf store format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store color" [] {
    [ "auto" "always" "never" ]
  }

  # The store itself: where it lies, whom it is sealed to, its key
  export extern "ssmpf store" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf store path format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store path color" [] {
    [ "auto" "always" "never" ]
  }

  # Print where the store lies
  export extern "ssmpf store path" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store path format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store path color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf store verify format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store verify color" [] {
    [ "auto" "always" "never" ]
  }

  # Open the store and say what is in it
  export extern "ssmpf store verify" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store verify format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store verify color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf store backup format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store backup color" [] {
    [ "auto" "always" "never" ]
  }

  # Copy the store, sealed as it is, to a new file
  export extern "ssmpf store backup" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store backup format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store backup color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    file: path                # File that does not exist yet
  ]

  def "nu-complete ssmpf store recipients format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store recipients color" [] {
    [ "auto" "always" "never" ]
  }

  # Show or change whom the store is sealed to besides yourself
  export extern "ssmpf store recipients" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store recipients format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store recipients color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf store recipients add format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store recipients add color" [] {
    [ "auto" "always" "never" ]
  }

  # Seal the store to these too
  export extern "ssmpf store recipients add" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store recipients add format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store recipients add color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...keys: string           # age public key (age1…) or SSH public key (ssh-ed25519 …)
  ]

  def "nu-complete ssmpf store recipients remove format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store recipients remove color" [] {
    [ "auto" "always" "never" ]
  }

  # Seal the store to these no longer
  export extern "ssmpf store recipients remove" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store recipients remove format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store recipients remove color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    ...keys: string           # As `store recipients` shows it
  ]

  def "nu-complete ssmpf store export-identity format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf store export-identity color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the private key, for `age -d -i`; whoever has it can open the store
  export extern "ssmpf store export-identity" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf store export-identity format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf store export-identity color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf pick what" [] {
    [ "connections" "forwards" "targets" "endpoints" "profiles" ]
  }

  def "nu-complete ssmpf pick format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf pick color" [] {
    [ "auto" "always" "never" ]
  }

  # Pick from a list on the terminal and print what was picked
  export extern "ssmpf pick" [
    --query: string           # Begin with this typed
    --multi                   # Any number of them
    --print0                  # End each name with a NUL instead of a line feed
    --with-action             # Let keys choose what to do with connections, and print that command first
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf pick format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf pick color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    what?: string@"nu-complete ssmpf pick what" # What to pick from
  ]

  def "nu-complete ssmpf prompt format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf prompt color" [] {
    [ "auto" "always" "never" ]
  }

  # Print a word about the forwards that are up, for the prompt; nothing if none is
  export extern "ssmpf prompt" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf prompt format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf prompt color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf completions shell" [] {
    [ "bash" "zsh" "fish" "powershell" "elvish" "nushell" ]
  }

  def "nu-complete ssmpf completions format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf completions color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the completions for a shell
  export extern "ssmpf completions" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf completions format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf completions color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    shell: string@"nu-complete ssmpf completions shell" # Shell
  ]

  def "nu-complete ssmpf init shell" [] {
    [ "bash" "zsh" "fish" "nu" ]
  }

  def "nu-complete ssmpf init format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf init color" [] {
    [ "auto" "always" "never" ]
  }

  # Print what makes ssmpf at home in a shell: completions, keys, functions
  export extern "ssmpf init" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf init format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf init color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    shell: string@"nu-complete ssmpf init shell" # Shell
  ]

  def "nu-complete ssmpf profiles format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf profiles color" [] {
    [ "auto" "always" "never" ]
  }

  # List AWS profiles: what they are, and whether somebody is signed in
  export extern "ssmpf profiles" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf profiles format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf profiles color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf login format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf login color" [] {
    [ "auto" "always" "never" ]
  }

  # Sign in to AWS: IAM Identity Center, a code of a device, or `aws login`
  export extern "ssmpf login" [
    --sso-session: string     # Sign in to this sso-session of the configuration
    --device-code             # With a code, in a browser on any machine
    --no-browser              # Print the address instead of opening a browser
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf login format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf login color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf logout format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf logout color" [] {
    [ "auto" "always" "never" ]
  }

  # End sign-ins to IAM Identity Center; with --profile or --sso-session, only that one
  export extern "ssmpf logout" [
    --sso-session: string     # Sign out of this sso-session only
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf logout format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf logout color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete ssmpf help format" [] {
    [ "table" "json" "jsonl" "plain" ]
  }

  def "nu-complete ssmpf help color" [] {
    [ "auto" "always" "never" ]
  }

  # Explain a command or a topic: exit-codes, environment
  export extern "ssmpf help" [
    --profile: string         # AWS profile; it wins over credentials in the environment. Lists take several
    --region: string          # AWS region. Lists take several
    --format: string@"nu-complete ssmpf help format" # How results are written
    --json                    # Short for --format json
    --no-input                # Never ask anything
    --color: string@"nu-complete ssmpf help color" # Colours
    --quiet(-q)               # Say only what went wrong
    --verbose(-v)             # Log to stderr; twice for more
    --config: path            # Configuration file instead of the user's own
    --store: path             # Store of connections
    --end-with-stdin          # End as by Ctrl-C when stdin does: for programs that run this one
    --help(-h)                # Print help (see more with '--help')
    topic?: string            # Command or topic
  ]

}

export use completions *
