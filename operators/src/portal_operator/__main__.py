from portal_operator.command_line import main

if __name__ == "__main__":
    main()
